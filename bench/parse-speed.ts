/**
 * `npm run bench:parse [-- --mb 5 --only variables]`: how long the readers take for large input, at half the size and at the
 * whole: a ratio near 2 is linear, near 4 quadratic. Medians of the main thread's CPU time.
 */
import { parseArgs } from "node:util";
import { toIgnoreRules } from "../src/context/ignore-file.ts";
import { requireDigest } from "../src/core/digest.ts";
import { BuildError } from "../src/core/errors.ts";
import { parseDockerfile } from "../src/dockerfile/parse.ts";
import { planBuild } from "../src/plan/plan.ts";
import { buildStageGraph } from "../src/plan/stages.ts";
import { imageKey, type PlanOptions, type ResolvedBase } from "../src/plan/types.ts";

const { values } = parseArgs({
  options: { mb: { type: "string", default: "5" }, only: { type: "string", default: "" } },
});
const FULL = Number(values.mb) * 1024 * 1024;
const RUNS = 3;
const LINUX = { os: "linux", architecture: "amd64" };
const OPTIONS: PlanOptions = {
  buildArgs: {},
  labels: {},
  platform: LINUX,
  buildPlatform: LINUX,
  network: "host",
};
const BASE: ResolvedBase = {
  image: requireDigest(`sha256:${"0".repeat(64)}`),
  config: { ...LINUX, config: {}, rootfs: { type: "layers", diff_ids: [] }, history: [] },
};

/** Text of about so many bytes; `line` makes the next line. */
function fill(bytes: number, line: (i: number) => string, start = "FROM a\n", end = ""): string {
  const lines = [start];
  for (let size = start.length, i = 0; size < bytes; i++) {
    const next = line(i);
    lines.push(next);
    size += next.length;
  }
  return `${lines.join("")}${end}`;
}

/** What a Dockerfile can have much of. Lines are at most 64 KiB, as with Docker. */
const DOCKERFILES: Readonly<Record<string, (bytes: number) => string>> = {
  instructions: (bytes) => fill(bytes, (i) => `RUN echo ${i} && true\nCOPY --chown=1:2 a${i} b /c/\n`),
  "long lines": (bytes) => fill(bytes, () => `RUN ${"echo x; ".repeat(8000)}\n`),
  continuations: (bytes) => fill(bytes, () => "  some words \\\n", "FROM a\nRUN x \\\n", "y\n"),
  "one heredoc": (bytes) => fill(bytes, (i) => `echo ${i} <<X "$y" \\\n`, "FROM a\nRUN <<EOF\n", "EOF\n"),
  heredocs: (bytes) => fill(bytes, (i) => `COPY <<E${i} /f${i}\nx $y\nE${i}\n`),
  "heredocs of one line": (bytes) =>
    fill(bytes, () => `COPY ${"<<E ".repeat(50)}/d/\n${"x\nE\n".repeat(50)}`),
  comments: (bytes) => fill(bytes, () => "# a comment\n", "FROM a\n", "RUN x\n"),
  "comments inside": (bytes) => fill(bytes, () => "# a comment\n", "FROM a\nRUN x \\\n", "y\n"),
  variables: (bytes) => fill(bytes, (i) => `ENV V${i % 500}=$V${(i + 1) % 500}\n`),
  "different variables": (bytes) => fill(bytes / 20, (i) => `ENV V${i}=1\n`),
  arguments: (bytes) => fill(bytes / 20, (i) => `ARG A${i}=1\n`),
  labels: (bytes) => fill(bytes / 20, (i) => `LABEL l${i}=x\n`),
  "pairs of one ENV": (bytes) => fill(bytes / 20, (i) => ` V${i}=1 \\\n`, "FROM a\nENV A=1 \\\n", " B=2\n"),
  nesting: (bytes) => fill(bytes, () => `ENV A=${"${a:-".repeat(40)}x${"}".repeat(40)}\n`),
  "deep nesting": (bytes) => fill(bytes, () => `ENV A=${"${a:-".repeat(90)}x${"}".repeat(90)}\n`),
  quotes: (bytes) => fill(bytes, () => `ENV A="${"\\\"x'$y' ".repeat(4000)}"\n`),
  replacements: (bytes) =>
    fill(bytes, () => `ENV A=${"ab".repeat(200)}\nENV B=\${A//a*b/x}\${A%%a*}\${A##*b}\n`),
  stages: (bytes) => fill(bytes / 20, (i) => `FROM a AS s${i}\nRUN x\n`),
  "chained stages": (bytes) =>
    fill(bytes / 20, (i) => `FROM s${i} AS s${i + 1}\nCOPY --from=s${i} / /\n`, "FROM a AS s0\n"),
  directives: (bytes) =>
    fill(Math.min(bytes / 80, 60_000), () => " ".repeat(1000), "# syntax=x", "y\nFROM a\n"),
  blanks: (bytes) => fill(bytes, () => `COPY ${" ".repeat(30_000)}a b${" ".repeat(30_000)}\n`),
  json: (bytes) => fill(bytes, () => `CMD [${'"a b", '.repeat(8000)}"c"]\n`),
  flags: (bytes) => fill(bytes, () => `RUN ${"--mount=type=tmpfs,target=/x ".repeat(1500)}x\n`),
  onbuild: (bytes) => fill(bytes / 20, (i) => `ONBUILD RUN echo ${i}\n`),
};

for (const [name, text] of Object.entries(DOCKERFILES)) {
  if (!name.includes(values.only)) continue;
  const parse = (bytes: number) => {
    const source = { name: "Dockerfile", text: text(bytes) };
    return () => parseDockerfile(source);
  };
  const plan = (bytes: number) => {
    const ast = attempt(parse(bytes));
    return () => {
      if (ast === undefined || ast instanceof BuildError) return ast;
      const bases = new Map([[imageKey("a", LINUX), BASE]]);
      return planBuild(ast, buildStageGraph(ast, OPTIONS, bases), OPTIONS, bases);
    };
  };
  row(`parse ${name}`, text, parse);
  row(`plan ${name}`, text, plan);
}
const ignore = (bytes: number) =>
  fill(bytes / 4, (i) => `**/dir${i}/*.o${i % 2 === 0 ? "" : "\n!x" + i}\n`, "");
row("read .dockerignore", ignore, (bytes) => {
  const file = Buffer.from(ignore(bytes));
  return () => toIgnoreRules(".dockerignore", file);
});

/** Half the size and the whole; what is refused is said. */
function row(name: string, text: (bytes: number) => string, prepare: (bytes: number) => () => unknown): void {
  const [half, whole] = [FULL / 2, FULL].map((bytes) => median(prepare(bytes)));
  const outcome = attempt(prepare(FULL));
  const size = `${(text(FULL).length / 1024 / 1024).toFixed(1)} MB`;
  const ratio = ((whole ?? 0) / Math.max(half ?? 0, 0.1)).toFixed(1);
  const refused = outcome instanceof BuildError ? `   ${outcome.code}: ${outcome.message.slice(0, 60)}` : "";
  console.log(
    `${name.padEnd(32)} ${size.padStart(7)} ${(whole ?? 0).toFixed(0).padStart(7)} ms   x${ratio}${refused}`,
  );
}

function median(work: () => unknown): number {
  const times = Array.from({ length: RUNS }, () => {
    const before = process.threadCpuUsage();
    attempt(work);
    return process.threadCpuUsage(before).user / 1000;
  });
  return times.toSorted((a, b) => a - b)[RUNS >> 1] ?? 0;
}

function attempt<T>(work: () => T): T | BuildError {
  try {
    return work();
  } catch (error) {
    if (error instanceof BuildError) return error;
    throw error;
  }
}
