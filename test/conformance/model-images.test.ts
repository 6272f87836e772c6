import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CACHE_MODELS, type CacheModelName } from "../../src/core/cache-key.ts";
import { sharedData } from "../helpers/shared-data.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { importBusybox } from "./busybox-base.ts";
import { EngineAdapter } from "./engine-adapter.ts";

const work = tempDir("model-images");
const template = join(work.path, "template");
const isHere = sharedData("conformance/base/make-base.sh") !== undefined;
let builds = 0;

beforeAll(async () => {
  if (isHere) await importBusybox(new EngineAdapter(template), work.path);
});
afterAll(() => work[Symbol.dispose]());

/** Through the command line, twice: the second build is the same image, and all of it a hit. */
async function build(
  dockerfile: string,
  model: CacheModelName,
  how: { readonly labels?: Record<string, string>; readonly buildArgs?: Record<string, string> } = {},
) {
  builds += 1;
  const context = join(work.path, `build-${builds}`);
  mkdirSync(context);
  writeFileSync(join(context, "f"), "1");
  writeFileSync(join(context, "Dockerfile"), `FROM busybox\n${dockerfile}\n`);
  const home = `${context}-store`;
  cpSync(template, home, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  const engine = new EngineAdapter(home);
  const request = { context, dockerfile: join(context, "Dockerfile"), tag: "m:1", cacheModel: model, ...how };
  const first = await engine.build(request);
  if (first.image === null) return { code: first.error?.code, history: [], layers: [] };
  const again = await engine.build(request);
  expect(again.image).toEqual(first.image);
  expect(again.steps.filter(({ result }) => result !== "HIT")).toEqual([]);
  const { config, layers } = engine.readImage(first.image.digest);
  const history = (config.history ?? [])
    .slice(1)
    .map(
      ({ created_by = "", empty_layer }) =>
        `${empty_layer === true ? "empty " : ""}${created_by.replace(/:[0-9a-f]{64}/, ":…")}`,
    );
  return { code: undefined, history, layers: layers.slice(1).map((layer) => layer.toString("latin1")) };
}

describe.runIf(isHere)("what a model makes of an image", () => {
  test("the classic builder's history and its empty layers", async () => {
    const lines = [
      "ARG X=1",
      "ENV A=$X B=2",
      "RUN true",
      "WORKDIR /tmp",
      "COPY --chown=7 f /a",
      "COPY --chown=7 f /a",
      "EXPOSE 80",
      'SHELL ["/bin/sh","-ec"]',
      'CMD ["a"]',
      "ONBUILD RUN a",
    ];
    const { history, layers } = await build(lines.join("\n"), "classic", {
      buildArgs: { X: "3" },
      labels: { b: "2", a: "1" },
    });
    expect(history).toEqual([
      "empty /bin/sh -c #(nop)  ARG X=1",
      "empty /bin/sh -c #(nop)  ENV A=3 B=2",
      "empty |1 X=3 /bin/sh -c true",
      "empty /bin/sh -c #(nop) WORKDIR /tmp",
      "/bin/sh -c #(nop) COPY --chown=7file:… in /a ",
      "empty /bin/sh -c #(nop) COPY --chown=7file:… in /a ",
      "empty /bin/sh -c #(nop)  EXPOSE 80",
      "empty /bin/sh -c #(nop)  SHELL [/bin/sh -ec]",
      'empty /bin/sh -ec #(nop)  CMD ["a"]',
      "empty /bin/sh -ec #(nop)  ONBUILD RUN a",
      "empty /bin/sh -c #(nop)  LABEL a=1",
      "empty /bin/sh -c #(nop)  LABEL b=2",
    ]);
    expect(layers).toHaveLength(1);
  });

  test("buildah's history is the instructions as written", async () => {
    const { history } = await build('ARG X=1\nENV A="$X"\nRUN  echo  1\nCOPY f /a', "buildah");
    expect(history).toEqual([
      "empty /bin/sh -c #(nop) ARG X",
      'empty /bin/sh -c #(nop) ENV A="$X"',
      "|1 X=1 /bin/sh -c  echo  1",
      "/bin/sh -c #(nop) COPY file:… in /a ",
    ]);
  });

  test.each([
    { model: "classic", isKept: false },
    { model: "buildkit", isKept: true },
  ] as const)("what RUN writes below a VOLUME that is there, under $model", async ({ model, isKept }) => {
    const run = "RUN chmod 700 /v && echo lost > /v/in-volume && echo kept > /beside";
    const { layers } = await build(`COPY f /v/old\nVOLUME /v\n${run}`, model);
    const [, ran = ""] = layers;
    expect(ran.includes("v/in-volume")).toBe(isKept);
    expect(ran).toContain("beside");
  });

  test("under classic a VOLUME that no layer has is a folder of the command's own", async () => {
    const run = "RUN mkdir /v/sub && echo lost > /v/sub/in-volume && echo kept > /beside";
    const { layers } = await build(`VOLUME /v /w\n${run}`, "classic");
    expect(layers.join("")).not.toContain("in-volume");
    expect(layers.join("")).toContain("beside");
  });

  test.each(CACHE_MODELS)("%s: a RUN that changes nothing", async (model) => {
    const { layers } = await build("RUN true", model);
    expect(layers).toHaveLength(model === "classic" ? 0 : 1);
  });

  test.each([
    { name: "a heredoc", line: "RUN <<EOF\necho 1\nEOF", refused: [] },
    {
      name: "a COPY of a heredoc",
      line: "COPY <<EOF /f\n1\nEOF",
      refused: ["classic", "buildkit@20.10", "buildah"],
    },
    { name: "COPY --link", line: "COPY --link f /f", refused: ["classic", "buildkit@20.10", "buildah"] },
    { name: "COPY --chmod", line: "COPY --chmod=600 f /f", refused: ["classic"] },
  ])("$name is refused by engines that cannot build it: $refused", async ({ line, refused }) => {
    for (const model of CACHE_MODELS) {
      const { code } = await build(line, model);
      expect([model, code]).toEqual([model, refused.includes(model) ? "plan/model-lacks" : undefined]);
    }
  });
});
