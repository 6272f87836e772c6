import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BuildEvent } from "../../src/core/events.ts";
import { createGithubRenderer } from "../../src/progress/github.ts";
import { createPlainRenderer } from "../../src/progress/plain.ts";
import { createQuietRenderer } from "../../src/progress/quiet.ts";
import type { Renderer, Write } from "../../src/progress/renderer.ts";
import {
  createScript,
  digest,
  finished,
  output,
  parallelBuild,
  sampleBuild,
  stageRows,
} from "./scripted-build.ts";

function printed(create: (options: { write: Write }) => Renderer, events: readonly BuildEvent[]): string {
  let text = "";
  const renderer = create({ write: (part) => void (text += part) });
  for (const event of events) renderer.onEvent(event);
  void renderer.finish();
  return text;
}

function oneRun(...chunks: readonly string[]): BuildEvent[] {
  const script = createScript();
  script.add(0, { type: "planned", rows: stageRows(0, null, ["FROM a", "RUN b"]) });
  script.add(1, { type: "step-started", row: "s0.1" });
  for (const chunk of chunks) script.add(1, output("s0.1", chunk));
  script.add(1, { ...finished("s0.1", "MISS"), tookMs: 1_000 });
  return script.events;
}

describe("plain", () => {
  test("prints the sample build, row for row", () => {
    expect(printed(createPlainRenderer, sampleBuild())).toMatchInlineSnapshot(`
      "tsbuild hello:1.0.0   context 41 files 182 kB   Dockerfile (linux/amd64)
       HIT   1/6 FROM node:24-alpine   sha256:999999…
       HIT   2/6 WORKDIR /app   0 B
       MISS  3/6 COPY package.json package-lock.json ./   3.1 kB   0.1s   package-lock.json changed
       run   4/6 RUN npm ci
             4/6 │ npm http fetch GET 200 package-1
             4/6 │ npm http fetch GET 200 package-2
             4/6 │ npm http fetch GET 200 package-3
             4/6 │ npm http fetch GET 200 package-4
             4/6 │ npm http fetch GET 200 package-5
             4/6 │ npm http fetch GET 200 package-6
             4/6 │ npm http fetch GET 200 package-7
             4/6 │ npm http fetch GET 200 package-8
             4/6 │ npm http fetch GET 200 package-9
             4/6 │ npm http fetch GET 200 package-10
             4/6 │ npm http fetch GET 200 package-11
             4/6 │ npm http fetch GET 200 package-12
             4/6 │ added 212 packages in 9s
       MISS  4/6 RUN npm ci   48 MB   9.2s   step 3 changed
       run   5/6 RUN npm run build
             5/6 │ vite v8 building …
             5/6 │ transforming 100%
       MISS  5/6 RUN npm run build   1.2 MB   3.4s   step 4 changed
       MISS  6/6 CMD ["node","dist/main.js"]   0 B   step 5 changed
      hello:1.0.0  sha256:aaaaaaaaaaaa…  61 MB  6 layers  12.9s · 2 hits, 4 misses, about 14 s saved · why: tsbuild explain
      "
    `);
  });

  test("names the stage of each row where there are several", () => {
    const lines = printed(createPlainRenderer, parallelBuild()).split("\n");
    expect(lines).toContain(" HIT   assets 1/2 FROM debian:12 AS assets   sha256:cccccc…");
    expect(lines).toContain(" skip  docs   2 steps, stage not needed");
    expect(lines).toContain("       stage-3 4/4 │ sh: npmm: not found");
    expect(lines).toContain(" FAIL  stage-3 4/4 RUN npmm run build   1.0s   exit code 127");
  });

  test("lets no control character of a build through", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("\x1b[2J", "\r", "\n", "\x9b1A"))),
        (chunks) => {
          expect(printed(createPlainRenderer, oneRun(...chunks))).not.toMatch(
            /[\x00-\x08\x0b-\x1f\x7f-\x9f]/,
          );
        },
      ),
    );
  });

  test("prints every one of ten thousand lines, and a last one without an end", () => {
    const text = printed(
      createPlainRenderer,
      oneRun(Array.from({ length: 10_000 }, (_, n) => `${n}\n`).join(""), "half"),
    );
    expect(text.match(/^ {7}2\/2 │ /gm)).toHaveLength(10_001);
    expect(text).toMatch(/│ 9999\n {7}2\/2 │ half\n MISS {2}2\/2 RUN b {3}0 B {3}1\.0s\n/);
  });

  test("keeps of a progress bar the last state", () => {
    expect(printed(createPlainRenderer, oneRun("10%\r20%\r", "100%\n"))).toContain("│ 100%\n");
    expect(printed(createPlainRenderer, oneRun("10%\r20%\r", "100%\n"))).not.toContain("20%");
  });

  test("tells of a pull no more than every five seconds", () => {
    const script = createScript();
    script.add(0, { type: "planned", rows: stageRows(0, null, ["FROM a"]) });
    for (let step = 1; step <= 12; step += 1) {
      const transfer = {
        type: "transfer",
        row: "s0.0",
        blob: digest("1"),
        direction: "pull",
        state: "running",
      } as const;
      script.add(1_000, { ...transfer, doneBytes: step * 1_000_000, totalBytes: 20_000_000 });
    }
    expect(printed(createPlainRenderer, script.events).match(/^ pull .*$/gm)).toEqual([
      " pull  1 MB of 20 MB",
      " pull  6 MB of 20 MB   1 MB/s   14s left",
      " pull  11 MB of 20 MB   1 MB/s   9s left",
    ]);
  });

  test("keeps debug notes to those who ask", () => {
    const events: BuildEvent[] = [
      { type: "note", atMs: 0, level: "debug", text: "executor: native" },
      { type: "note", atMs: 0, level: "warning", text: "two\nlines" },
    ];
    expect(printed(createPlainRenderer, events)).toBe(" warning: two\n   lines\n");
    expect(printed((options) => createPlainRenderer({ ...options, debug: true }), events)).toContain(
      "debug: executor: native",
    );
  });
});

describe("on GitHub", () => {
  test("each step's output is a group, and the groups of parallel steps do not mix", () => {
    const text = printed(createGithubRenderer, parallelBuild());
    const lines = text.split("\n");
    const groups = Array.from(
      text.matchAll(/^::group::(.*)\n([^]*?)^::endgroup::$/gm),
      ([, title = "", body = ""]) => {
        return {
          title,
          places: new Set(
            body
              .trimEnd()
              .split("\n")
              .map((line) => line.split(" │")[0]?.trim()),
          ),
        };
      },
    );
    expect(groups.map(({ title }) => title.split(" ").slice(0, 3).join(" "))).toEqual([
      "deps 2/2 RUN",
      "assets 2/2 RUN",
      "stage-3 4/4 RUN",
    ]);
    expect(groups.map(({ places }) => [...places])).toEqual([["deps 2/2"], ["assets 2/2"], ["stage-3 4/4"]]);
    expect(lines.filter((line) => line.includes("图片"))).toHaveLength(30);
    expect(lines.filter((line) => line.includes("Get:"))).toHaveLength(30);
  });

  test("the error is an annotation with its place", () => {
    expect(printed(createGithubRenderer, parallelBuild())).toContain(
      "::error file=docker/app.Dockerfile,line=13,col=5,title=run/exit-nonzero::RUN ended with exit code 127\n",
    );
    expect(printed(createGithubRenderer, parallelBuild())).toContain("::warning::JSONArgsRecommended: CMD");
  });

  test("no output of a build is a workflow command", () => {
    const text = printed(
      createGithubRenderer,
      oneRun("::error::forged\n", "##[add-mask]x\n", "\r::set-env name=A::b\n"),
    );
    const lines = text
      .split("\n")
      .filter((line) => !line.startsWith("::group::2/2") && line !== "::endgroup::");
    for (const line of lines) expect(line.trimStart()).not.toMatch(/^::/);
    expect(text).not.toContain("##[");
  });

  test("the summary is a table in which no text breaks out of its cell", () => {
    const script = createScript();
    script.add(0, { type: "build-started", id: "b", tags: ["t"], dockerfile: "D", platform: "linux/amd64" });
    script.add(0, { type: "planned", rows: stageRows(0, null, ["RUN a | b `c` <i>"]) });
    script.add(0, { ...finished("s0.0", "MISS"), tookMs: 200, reason: "a|b changed" });
    const renderer = createGithubRenderer({ write: () => undefined });
    for (const event of script.events) renderer.onEvent(event);
    expect(renderer.summary()).toBe(
      [
        "### tsbuild t",
        "",
        "| Result | Step | Instruction | Size | Time | Why |",
        "| --- | --- | --- | --- | --- | --- |",
        "| MISS | 1/1 | `` RUN a \\| b `c` <i> `` | 0 B | 0.2s | a\\|b changed |",
        "",
        "The build did not end.",
        "",
      ].join("\n"),
    );
  });
});

test("quiet is the image id, or nothing", () => {
  expect(printed(createQuietRenderer, sampleBuild())).toBe(`${digest("a")}\n`);
  expect(printed(createQuietRenderer, parallelBuild())).toBe("");
});
