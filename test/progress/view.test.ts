import { describe, expect, test } from "vitest";
import type { BuildEvent } from "../../src/core/events.ts";
import { finalLine, finalLines } from "../../src/progress/final-line.ts";
import { createPaint } from "../../src/progress/paint.ts";
import { countRows, EMPTY_VIEW, outputTail, reduceView } from "../../src/progress/view.ts";
import { createScript, finished, output, parallelBuild, sampleBuild, stageRows } from "./scripted-build.ts";

const viewOf = (events: readonly BuildEvent[]) => events.reduce(reduceView, EMPTY_VIEW);

function started(...more: Parameters<ReturnType<typeof createScript>["add"]>[]) {
  const script = createScript();
  script.add(0, {
    type: "build-started",
    id: "b",
    tags: ["t"],
    dockerfile: "Dockerfile",
    platform: "linux/amd64",
  });
  script.add(1, { type: "planned", rows: stageRows(0, null, ["FROM a", "RUN b", "CMD c"]) });
  for (const args of more) script.add(...args);
  return viewOf(script.events);
}

describe("the view counts", () => {
  test("hits, misses and what the hits saved", () => {
    expect(countRows(viewOf(sampleBuild()))).toMatchObject({ hit: 2, miss: 4, wait: 0, savedSeconds: 14 });
  });

  test("stages that are not needed as skipped, from the plan on", () => {
    expect(countRows(viewOf(parallelBuild().slice(0, 2)))).toMatchObject({ skip: 2, wait: 8 });
  });
});

test("rows that never ended are canceled when the build ends, and only those that ran say so", () => {
  const error = {
    code: "cli/canceled",
    message: "canceled",
    line: null,
    column: null,
    exitCode: null,
  } as const;
  const view = started(
    [1, finished("s0.0", "HIT")],
    [1, { type: "step-started", row: "s0.1" }],
    [1, { type: "finished", image: null, sizeBytes: 0, layers: 0, error }],
  );
  expect([...view.rows.values()].map((row) => row.state)).toEqual(["hit", "canceled", "canceled"]);
  expect(view.scrollback.filter((item) => item.type === "row")).toEqual([
    { type: "row", id: "s0.0" },
    { type: "row", id: "s0.1" },
  ]);
});

test("the header has the context if that is known before the first row, else the context comes later", () => {
  const early = started([1, { type: "context", files: 2, bytes: 3 }], [1, finished("s0.0", "HIT")]);
  expect(early.scrollback.map((item) => item.type)).toEqual(["header", "row"]);
  const late = started([1, finished("s0.0", "HIT")], [1, { type: "context", files: 2, bytes: 3 }]);
  expect(late.scrollback.map((item) => item.type)).toEqual(["header", "row", "context"]);
});

test("the scrollback only ever grows", () => {
  for (const events of [sampleBuild(), parallelBuild()]) {
    let view = EMPTY_VIEW;
    for (const event of events) {
      const next = reduceView(view, event);
      expect(next.scrollback.slice(0, view.scrollback.length)).toEqual(view.scrollback);
      view = next;
    }
  }
});

test("of ten thousand lines of output the last ones are kept, with the line that is being written", () => {
  const text = Array.from({ length: 10_000 }, (_, index) => `line ${index}\n`).join("");
  const view = started([1, { type: "step-started", row: "s0.1" }], [1, output("s0.1", `${text}half`)]);
  const row = view.rows.get("s0.1");
  expect(row && outputTail(row)).toHaveLength(21);
  expect(row && outputTail(row).slice(-2)).toEqual(["line 9999", "half"]);
});

test("stdout and stderr do not tear each other's lines", () => {
  const view = started(
    [1, { type: "step-started", row: "s0.1" }],
    [1, output("s0.1", "out ")],
    [1, { type: "step-output", row: "s0.1", stream: "stderr", text: "err\n" }],
    [1, output("s0.1", "put\n")],
  );
  expect(view.rows.get("s0.1")?.tail).toEqual(["err", "out put"]);
});

test("events of unknown rows change no row", () => {
  const view = started(
    [1, { type: "step-started", row: "nope" }],
    [1, output("nope", "x\n")],
    [1, finished("nope", "HIT")],
  );
  expect([...view.rows.keys()]).toEqual(["s0.0", "s0.1", "s0.2"]);
});

test("a second plan keeps what is known of the rows that stay", () => {
  const view = started(
    [1, finished("s0.0", "HIT")],
    [1, { type: "planned", rows: stageRows(0, null, ["FROM a", "RUN b", "CMD c", "ENV d=1"]) }],
  );
  expect([...view.rows.values()].map((row) => row.state)).toEqual(["hit", "wait", "wait", "wait"]);
});

test("the last line says what was made, how long it took and what the cache did", () => {
  const view = viewOf(sampleBuild());
  expect(finalLine(view)).toBe(
    "hello:1.0.0  sha256:aaaaaaaaaaaa…  61 MB  6 layers  12.9s · 2 hits, 4 misses, about 14 s saved · why: tsbuild explain",
  );
  expect(finalLines(view, { columns: 70, paint: createPaint(false) })).toEqual([
    "hello:1.0.0  sha256:aaaaaaaaaaaa…  61 MB  6 layers  12.9s",
    "  2 hits, 4 misses, about 14 s saved · why: tsbuild explain",
  ]);
  expect(finalLine(viewOf(parallelBuild()))).toBeUndefined();
});
