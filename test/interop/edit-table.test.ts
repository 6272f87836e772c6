import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  dockerfileOf,
  resultOf,
  TABLE,
  type TableRow,
  writeTableContext,
} from "../conformance/edit-table.ts";
import { DOCKER_CLIENT, type Dockerd, startDockerd } from "../helpers/dockerd.ts";
import { sharedData } from "../helpers/shared-data.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** The table that our models are held to (test/conformance/edit-table.test.ts), held against the engines themselves. */
const work = tempDir("edit-table");
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const store = [
  "--root",
  join(work.path, "root"),
  "--runroot",
  join(work.path, "run"),
  "--storage-driver",
  "vfs",
];
const isHere = sharedData("conformance/base/make-base.sh") !== undefined;
let docker: Dockerd;

beforeAll(async () => {
  if (!isHere) return;
  docker = await startDockerd(join(work.path, "docker"));
  execFileSync("sh", [sharedData("conformance/base/make-base.sh") ?? "", work.path], { stdio: "pipe" });
  const tar = join(work.path, "busybox.tar");
  docker.docker(["import", "-c", 'CMD ["sh"]', "-c", `ENV PATH=${PATH}`, tar, "localhost/busybox:latest"]);
  const base = join(work.path, "base.Dockerfile");
  writeFileSync(base, `FROM scratch\nADD busybox.tar /\nENV PATH=${PATH}\nCMD ["sh"]\n`);
  await buildah([
    "bud",
    "--isolation",
    "chroot",
    "-q",
    "-t",
    "localhost/busybox:latest",
    "-f",
    base,
    work.path,
  ]);
});
afterAll(async () => {
  if (isHere) await docker.close();
  work[Symbol.dispose]();
});

/** Standard output, then standard error: BuildKit's plain progress goes there. */
async function outputOf(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(program, args, { env: { ...process.env, ...env } });
  return stdout + stderr;
}

function buildah(args: readonly string[]): Promise<string> {
  return outputOf("buildah", [...store, ...args]);
}

function dockerBuild(args: readonly string[], buildkit: "0" | "1"): Promise<string> {
  const env = { DOCKER_HOST: docker.host, DOCKER_CONFIG: docker.directory, DOCKER_BUILDKIT: buildkit };
  return outputOf(DOCKER_CLIENT, ["build", "--network=none", ...args], env);
}

/** An engine of the table: builds once, and gives `H` or `M` for each RUN, COPY, ADD and WORKDIR. */
interface Peer {
  readonly model: "classic" | "buildkit@20.10" | "buildah";
  readonly build: (args: readonly string[]) => Promise<string>;
}

const PEERS: readonly Peer[] = [
  {
    model: "classic",
    build: async (args) =>
      stepsOf(await dockerBuild(args, "0"), {
        step: /^Step \d+\/\d+ : (.*)$/,
        cached: /^ ---> Using cache$/,
      }),
  },
  {
    model: "buildkit@20.10",
    build: async (args) => verticesOf(await dockerBuild(["--progress=plain", ...args], "1")),
  },
  {
    model: "buildah",
    build: async (args) =>
      stepsOf(await buildah(["bud", "--layers", "--isolation", "chroot", ...args]), {
        step: /^(?:\[\d+\/\d+\] )?STEP \d+\/\d+: (.*)$/,
        cached: /^--> Using cache /,
      }),
  },
];

describe.runIf(isHere).each(PEERS)("$model does what the table says", ({ model, build }) => {
  test.concurrent.each(TABLE)("$edit", async (row) => {
    expect(await secondBuild(row, { model, build })).toBe(resultOf(row, model));
  });
});

async function secondBuild(row: TableRow, { model, build }: Peer): Promise<string> {
  const number = TABLE.indexOf(row);
  const directory = join(work.path, `${model.replace("@", "-")}-${number}`);
  const dockerfile = join(directory, "Dockerfile");
  const context = join(directory, "context");
  mkdirSync(directory);
  // One store for all rows: a line of its own keeps each from another's results.
  const write = (lines: string) =>
    writeFileSync(dockerfile, dockerfileOf(lines).replaceAll(/^FROM .*$/gm, `$&\nENV ROW=${number}`));
  const flags = (args: TableRow["argsAfter"] = {}, labels: TableRow["labelsAfter"] = {}) => [
    ...Object.entries(args).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
    ...Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    "--file",
    dockerfile,
    context,
  ];
  writeTableContext(context);
  write(row.before);
  await build(flags(row.argsBefore));
  row.change?.(context);
  write(row.after ?? row.before);
  return await build(flags(row.argsAfter, row.labelsAfter));
}

/** Steps of an output that is one text: each until the next. */
function stepsOf(output: string, marks: { readonly step: RegExp; readonly cached: RegExp }): string {
  const steps: { readonly text: string; cached: boolean }[] = [];
  for (const line of output.split("\n")) {
    const text = marks.step.exec(line)?.[1];
    if (text !== undefined) steps.push({ text, cached: false });
    const last = steps.at(-1);
    if (last !== undefined && marks.cached.test(line)) last.cached = true;
  }
  return steps
    .filter(({ text }) => isFileStep(text))
    .map(({ cached }) => (cached ? "H" : "M"))
    .join("");
}

/** BuildKit's plain progress: a step's lines are told apart by number. */
function verticesOf(output: string): string {
  const steps = new Map<string, { readonly place: string; readonly text: string }>();
  const cached = new Set<string>();
  for (const line of output.split("\n")) {
    const [, number = "", rest = ""] = /^(#\d+) (.*)$/.exec(line) ?? [];
    const [, place, text] = /^\[(.*?)\] (.*)$/.exec(rest) ?? [];
    if (place !== undefined && text !== undefined) steps.set(number, { place, text });
    if (rest === "CACHED") cached.add(number);
  }
  return [...steps]
    .filter(([, { text }]) => isFileStep(text))
    .toSorted(([, a], [, b]) => orderOf(a.place) - orderOf(b.place))
    .map(([number]) => (cached.has(number) ? "H" : "M"))
    .join("");
}

/** `stage-1 2/3`, `2/3`: by stage, then by step. */
function orderOf(place: string): number {
  const [, stage = "0", step = "0"] = /^(?:stage-(\d+) +)?(\d+)\/\d+$/.exec(place) ?? [];
  return Number(stage) * 1000 + Number(step);
}

function isFileStep(text: string): boolean {
  return /^(run|copy|add|workdir)\b/i.test(text);
}
