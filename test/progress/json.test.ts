import { expect, test } from "vitest";
import type { BuildEvent } from "../../src/core/events.ts";
import { createJsonRenderer } from "../../src/progress/json.ts";
import { createRawJsonRenderer } from "../../src/progress/rawjson.ts";
import type { Renderer, Write } from "../../src/progress/renderer.ts";
import {
  createScript,
  diffId,
  digest,
  finished,
  output,
  parallelBuild,
  sampleBuild,
  stageRows,
} from "./scripted-build.ts";

/** Any line of either form, as far as the tests look into it. */
interface Line {
  readonly type?: string;
  readonly image?: unknown;
  readonly error?: unknown;
  readonly steps: readonly { readonly result: string }[];
  readonly vertexes?: readonly {
    readonly digest: string;
    readonly name: string;
    readonly started: string;
    readonly completed: string;
    readonly cached?: boolean;
  }[];
  readonly logs?: readonly { readonly data: string }[];
  readonly statuses?: readonly { readonly id: string }[];
}

function lines(
  create: (options: { write: Write }) => Renderer,
  events: readonly BuildEvent[],
): readonly Line[] {
  const written: string[] = [];
  const renderer = create({ write: (text) => void written.push(text) });
  for (const event of events) renderer.onEvent(event);
  void renderer.finish();
  for (const line of written) expect(line).toMatch(/^[^\n]+\n$/);
  return written.map((line) => JSON.parse(line) as Line);
}

test("every event is a line with the version and its type, and the last line is the result", () => {
  const events = sampleBuild();
  const written = lines(createJsonRenderer, events);
  expect(written.slice(0, -1)).toEqual(events.map((event) => ({ v: 1, ...event })));
  expect(written.at(-1)).toMatchObject({ v: 1, type: "result" });
});

test("the result has exactly the fields that tools rely on", () => {
  const result = lines(createJsonRenderer, sampleBuild()).at(-1)!;
  expect(Object.keys(result)).toEqual(["v", "type", "image", "error", "steps"]);
  expect(result.image).toEqual({ id: digest("a"), digest: digest("b"), tags: ["hello:1.0.0"] });
  expect(result.error).toBeNull();
  expect(result.steps).toHaveLength(6);
  expect(result.steps[2]).toStrictEqual({
    stage: null,
    stageIndex: 0,
    line: 3,
    instruction: "COPY package.json package-lock.json ./",
    onbuild: false,
    result: "MISS",
    reason: "file-content",
    layer: { diffId: diffId("2"), size: 3100 },
    seconds: 0.1,
  });
  expect(result.steps[0]).toMatchObject({ result: "HIT", reason: null, layer: null, seconds: null });
});

test("a failed build has its error, and the rows say which failed, which were skipped and which were never reached", () => {
  const events = parallelBuild().filter((event) => !(event.type === "step-finished" && event.row === "s3.2"));
  const result = lines(createJsonRenderer, events).at(-1)!;
  expect(result.image).toBeNull();
  expect(result.error).toEqual({
    code: "run/exit-nonzero",
    message: "RUN ended with exit code 127",
    line: 13,
    column: 5,
    exitCode: 127,
  });
  expect(result.steps.map((step) => step.result)).toEqual([
    "MISS",
    "MISS",
    "HIT",
    "MISS",
    "SKIP",
    "SKIP",
    "HIT",
    "MISS",
    "CANCELED",
    "FAIL",
  ]);
});

test("a build that broke off has a result all the same, and only one", () => {
  const written = lines(createJsonRenderer, sampleBuild().slice(0, 7));
  expect(written.filter((line) => line.type === "result")).toHaveLength(1);
  expect(written.at(-1)).toMatchObject({ type: "result", image: null, error: null });
});

test("what a terminal would act on is escaped, and comes back the same", () => {
  const script = createScript();
  script.add(0, { type: "planned", rows: stageRows(0, null, ["RUN a"]) });
  script.add(0, output("s0.0", "\x1b[31m\x9b\u202e\x7f"));
  let text = "";
  const renderer = createJsonRenderer({ write: (part) => void (text += part) });
  for (const event of script.events) renderer.onEvent(event);
  expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  expect(JSON.parse(text.split("\n")[1] ?? "").text).toBe("\x1b[31m\x9b\u202e\x7f");
});

test("rawjson has BuildKit's fields: vertexes that start and complete, logs in base64, statuses of blobs", () => {
  const startedMs = Date.UTC(2026, 0, 1);
  const written = lines((options) => createRawJsonRenderer({ ...options, startedMs }), parallelBuild());
  for (const status of written) {
    for (const key of Object.keys(status))
      expect(["vertexes", "statuses", "logs", "warnings"]).toContain(key);
  }
  const vertexes = written.flatMap((status) => status.vertexes ?? []);
  const failed = vertexes.filter((vertex) => vertex.name === "[stage-3 4/4] RUN npmm run build");
  expect(failed).toHaveLength(3);
  expect(failed[0]).toEqual({
    digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    name: expect.any(String),
  });
  expect(failed[1]).toHaveProperty("started");
  expect(failed[2]).toMatchObject({ digest: failed[0]!.digest, error: "exit code 127" });
  expect(Date.parse(failed[2]!.completed) - Date.parse(failed[2]!.started)).toBe(1_000);
  expect(vertexes.filter((vertex) => vertex.cached)).toHaveLength(2);
  expect(vertexes.some((vertex) => vertex.name.includes("docs"))).toBe(false);

  const logs = written.flatMap((status) => status.logs ?? []);
  expect(logs.at(-1)).toMatchObject({ stream: 1, vertex: failed[0]!.digest });
  expect(Buffer.from(logs.at(-1)!.data, "base64").toString()).toBe("sh: npmm: not found\n");
  const blob = written
    .flatMap((status) => status.statuses ?? [])
    .filter((status) => status.id === digest("2"));
  expect(blob[0]).toMatchObject({ current: 0, total: 48_000_000, started: expect.any(String) });
  expect(blob.at(-1)).toMatchObject({ current: 48_000_000, completed: expect.any(String) });
});

test("rawjson completes the vertexes of a build that was stopped", () => {
  const script = createScript();
  script.add(0, { type: "planned", rows: stageRows(0, null, ["RUN a"]) });
  script.add(0, { type: "step-started", row: "s0.0" });
  script.add(5, { type: "finished", image: null, sizeBytes: 0, layers: 0, error: null });
  const last = lines((options) => createRawJsonRenderer({ ...options, startedMs: 0 }), script.events).at(-1)!;
  expect(last.vertexes![0]).toMatchObject({
    name: "[1/1] RUN a",
    completed: "1970-01-01T00:00:00.005Z",
    error: "context canceled",
  });
  expect(finished("s0.0", "MISS").row).toBe("s0.0");
});
