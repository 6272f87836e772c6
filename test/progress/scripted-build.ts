import { requireDigest, toDiffId } from "../../src/core/digest.ts";
import type { BuildEvent, RowPlan, Unstamped } from "../../src/core/events.ts";

export const digest = (digit: string) => requireDigest(`sha256:${digit.repeat(64)}`);
export const diffId = (digit: string) => toDiffId(digest(digit));

/** The rows of one stage from its instructions, ids `s0.0`, `s0.1` … */
export function stageRows(
  stageIndex: number,
  stage: string | null,
  instructions: readonly string[],
  { needed = true, line = 1 }: { needed?: boolean; line?: number } = {},
): RowPlan[] {
  return instructions.map((instruction, index) => ({
    id: `s${stageIndex}.${index}`,
    stage,
    stageIndex,
    line: line + index,
    instruction,
    ordinal: index + 1,
    total: instructions.length,
    onbuild: false,
    needed,
  }));
}

/** The build of ux.md's sample, event for event. */
export function sampleBuild(): BuildEvent[] {
  const rows = stageRows(0, null, [
    "FROM node:24-alpine",
    "WORKDIR /app",
    "COPY package.json package-lock.json ./",
    "RUN npm ci",
    "RUN npm run build",
    'CMD ["node","dist/main.js"]',
  ]);
  const script = createScript();
  script.add(0, {
    type: "build-started",
    id: "01JD",
    tags: ["hello:1.0.0"],
    dockerfile: "Dockerfile",
    platform: "linux/amd64",
  });
  script.add(10, { type: "planned", rows });
  script.add(20, { type: "context", files: 41, bytes: 182_000 });
  script.add(10, { ...finished("s0.0", "HIT"), base: digest("9"), savedMs: 4_000 });
  script.add(5, { ...finished("s0.1", "HIT"), savedMs: 10_000 });
  script.add(5, { type: "step-started", row: "s0.2" });
  script.add(100, {
    ...finished("s0.2", "MISS"),
    tookMs: 100,
    layer: { diffId: diffId("2"), size: 3_100 },
    ...lockfileChanged,
  });
  script.add(1, { type: "step-started", row: "s0.3" });
  for (let index = 1; index <= 12; index += 1)
    script.add(700, output("s0.3", `npm http fetch GET 200 package-${index}\n`));
  script.add(800, output("s0.3", "added 212 packages in 9s\n"));
  script.add(1, {
    ...finished("s0.3", "MISS"),
    tookMs: 9_200,
    layer: { diffId: diffId("3"), size: 48_000_000 },
    ...stepChanged(3),
  });
  script.add(1, { type: "step-started", row: "s0.4" });
  script.add(500, output("s0.4", "vite v8 building …\n"));
  for (let percent = 0; percent <= 100; percent += 20)
    script.add(500, output("s0.4", `transforming ${percent}%\r`));
  script.add(1, {
    ...finished("s0.4", "MISS"),
    tookMs: 3_400,
    layer: { diffId: diffId("4"), size: 1_200_000 },
    ...stepChanged(4),
  });
  script.add(1, { ...finished("s0.5", "MISS"), ...stepChanged(5) });
  script.add(40, {
    type: "finished",
    image: { id: digest("a"), digest: digest("b"), tags: ["hello:1.0.0"] },
    sizeBytes: 61_000_000,
    layers: 6,
    error: null,
  });
  return script.events;
}

/** Four stages of which three run at once, a pull with a retry, a stage that is not needed, and a command that fails. */
export function parallelBuild(): BuildEvent[] {
  const rows = [
    ...stageRows(0, "deps", [
      "FROM debian:12 AS deps",
      "RUN apt-get update && apt-get install -y --no-install-recommends build-essential curl",
    ]),
    ...stageRows(
      1,
      "assets",
      ["FROM debian:12 AS assets", "RUN ./make-assets.sh --quality=85 --widths=320,640,1280,2560"],
      { line: 4 },
    ),
    ...stageRows(2, "docs", ["FROM debian:12 AS docs", "RUN make -C docs html"], { line: 7, needed: false }),
    ...stageRows(
      3,
      null,
      ["FROM deps", "COPY --from=assets /out /srv/资产", "ENV A=1", "RUN npmm run build"],
      { line: 10 },
    ),
  ];
  const script = createScript();
  script.add(0, {
    type: "build-started",
    id: "01JE",
    tags: ["shop:2"],
    dockerfile: "docker/app.Dockerfile",
    platform: "linux/amd64",
  });
  script.add(10, { type: "planned", rows });
  script.add(5, { type: "step-started", row: "s0.0" });
  script.add(1, {
    type: "transfer",
    row: "s0.0",
    blob: digest("1"),
    direction: "pull",
    state: "exists",
    doneBytes: 0,
    totalBytes: 30_000_000,
  });
  for (let step = 0; step <= 10; step += 1) {
    for (const [blob, total] of [
      ["2", 48_000_000],
      ["3", 12_000_000],
    ] as const) {
      const retrying = step === 4 && blob === "3";
      script.add(150, {
        type: "transfer",
        row: "s0.0",
        blob: digest(blob),
        direction: "pull",
        state: step === 10 ? "done" : retrying ? "retrying" : "running",
        doneBytes: (total * step) / 10,
        totalBytes: total,
        ...(retrying ? { note: "connection reset, attempt 2 of 5" } : {}),
      });
    }
  }
  script.add(50, { ...finished("s0.0", "MISS"), tookMs: 3_400, base: digest("c"), ...firstBuild });
  script.add(5, { ...finished("s1.0", "HIT"), base: digest("c") });
  script.add(5, { type: "step-started", row: "s0.1" });
  script.add(5, { type: "step-started", row: "s1.1" });
  script.add(5, { type: "context", files: 1203, bytes: 8_310_000 });
  script.add(5, { type: "note", level: "warning", text: "JSONArgsRecommended: CMD in shell form (line 12)" });
  for (let index = 0; index < 30; index += 1) {
    script.add(
      120,
      output(
        "s0.1",
        `\x1b[32mGet:${index}\x1b[0m http://deb.debian.org/debian bookworm/main amd64 package-with-a-very-long-name-${index} [${index * 13} kB]\n`,
      ),
    );
    script.add(60, output("s1.1", `图片 ${index}/30 🎉 \x1b[2J\x1b[H done\x07\n`));
  }
  script.add(10, {
    ...finished("s1.1", "MISS"),
    tookMs: 5_600,
    layer: { diffId: diffId("5"), size: 2_300_000 },
    ...firstBuild,
  });
  script.add(800, {
    ...finished("s0.1", "MISS"),
    tookMs: 6_500,
    layer: { diffId: diffId("6"), size: 312_000_000 },
    ...firstBuild,
  });
  script.add(5, { ...finished("s3.0", "HIT") });
  script.add(5, { type: "step-started", row: "s3.1" });
  script.add(90, {
    ...finished("s3.1", "MISS"),
    tookMs: 90,
    layer: { diffId: diffId("7"), size: 2_300_000 },
    ...firstBuild,
  });
  script.add(5, { ...finished("s3.2", "MISS"), ...firstBuild });
  script.add(5, { type: "step-started", row: "s3.3" });
  script.add(900, output("s3.3", "sh: npmm: not found\n"));
  script.add(100, { ...finished("s3.3", "FAIL"), tookMs: 1_000, reason: "exit code 127" });
  script.add(5, {
    type: "finished",
    image: null,
    sizeBytes: 0,
    layers: 0,
    error: {
      code: "run/exit-nonzero",
      message: "RUN ended with exit code 127",
      line: 13,
      column: 5,
      exitCode: 127,
    },
  });
  return script.events;
}

type StepFinished = Extract<Unstamped<BuildEvent>, { type: "step-finished" }>;

export function finished(row: string, result: StepFinished["result"]): StepFinished {
  return {
    type: "step-finished",
    row,
    result,
    tookMs: null,
    savedMs: null,
    layer: null,
    reason: null,
    change: null,
  };
}

export function output(row: string, text: string): Extract<Unstamped<BuildEvent>, { type: "step-output" }> {
  return { type: "step-output", row, stream: "stdout", text };
}

const lockfileChanged = {
  reason: "package-lock.json changed",
  change: { kind: "file-content", subject: "package-lock.json", old: "1", new: "2" },
} as const;

const firstBuild = {
  reason: "first build",
  change: { kind: "first-build", subject: "", old: null, new: null },
} as const;

function stepChanged(step: number) {
  return {
    reason: `step ${step} changed`,
    change: { kind: "parent", subject: `step ${step}`, old: "1", new: "2" },
  } as const;
}

/** Events after one another, each some milliseconds after the one before. */
export function createScript() {
  const events: BuildEvent[] = [];
  let atMs = 0;
  return {
    events,
    add(afterMs: number, event: Unstamped<BuildEvent>) {
      atMs += afterMs;
      events.push({ ...event, atMs });
    },
  };
}
