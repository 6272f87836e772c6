import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { EPOCH, importBusybox } from "../helpers/busybox-image.ts";
import { leftovers } from "../helpers/leftovers.ts";
import { startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { tsbuild } from "../helpers/run-tsbuild.ts";
import { startTsbuild } from "../helpers/start-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** Seconds that only the commands of this run sleep: how a process of theirs is told from others. */
const NAP = String(100_000_000 + process.pid);
const FILES = 2000;
const VARIANTS = ["red", "green"] as const;

const dir = tempDir("kill-nine");
const context = join(dir.path, "context");
let registry: TestRegistry;
let timesMs: number;
let expected: Record<string, string>;

beforeAll(async () => {
  registry = await startRegistry();
  pushBase(registry);
  writeContext(registry);
  const homes = VARIANTS.map((variant) => ({ variant, home: newHome(`reference-${variant}`) }));
  const startedMs = performance.now();
  const built = homes.map(({ variant, home }) => [variant, imageId(build(home, variant).stdout)]);
  timesMs = (performance.now() - startedMs) / homes.length;
  expected = Object.fromEntries(built);
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

/** busybox with a few MB of noise on top, as an image of the registry's. */
function pushBase({ address }: TestRegistry): void {
  const home = newHome("push");
  const files = join(dir.path, "noise");
  mkdirSync(files);
  for (const name of ["a", "b"]) writeFileSync(join(files, name), noise(name, 2 << 20));
  writeFileSync(join(files, "Dockerfile"), "FROM busybox\nCOPY a /a\nCOPY b /b\n");
  importBusybox(home);
  tsbuild(["-q", "-t", "noise:1", files], { home, env: EPOCH });
  const copy = [
    "copy",
    "--quiet",
    "--dest-tls-verify=false",
    `oci:${home}:noise:1`,
    `docker://${address}/noise:1`,
  ];
  const done = spawnSync("skopeo", copy, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`skopeo copy: ${done.stderr}${done.error?.message ?? ""}`);
}

function writeContext({ address }: TestRegistry): void {
  for (let i = 0; i < FILES; i += 1) {
    const folder = join(context, "files", String(i % 40));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${i}.txt`), `file ${i}\n`.repeat(1 + (i % 50)));
  }
  const dockerfile = `FROM ${address}/noise:1 AS tree
WORKDIR /app
COPY . .
ARG COLOUR
RUN (sleep ${NAP} &) ; setsid sleep ${NAP} & for i in 1 2 3 4; do echo $COLOUR > f$i; sleep 0.05; done
RUN rm -r files/7 && mv files/8 files/eight && { nohup sleep ${NAP} >/dev/null & sleep 0.1; }
FROM ${address}/noise:1 AS other
RUN dd if=/dev/zero of=/zeros bs=1M count=8 2>/dev/null; (trap "" TERM; sleep ${NAP}) & sleep 0.2
FROM tree
COPY --from=other /zeros /zeros
`;
  writeFileSync(join(context, "Dockerfile"), dockerfile);
}

function newHome(name: string): string {
  const home = join(dir.path, "homes", name);
  mkdirSync(home, { recursive: true });
  return home;
}

function argsOf(variant: string, executor: string): string[] {
  return [
    "build",
    "--progress=json",
    `--executor=${executor}`,
    "--build-arg",
    `COLOUR=${variant}`,
    "-t",
    "killed",
    context,
  ];
}

function build(home: string, variant: string, executor = "auto") {
  return tsbuild(argsOf(variant, executor), { home, env: EPOCH });
}

function imageId(stdout: string): string {
  const result = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as { image: { id: string } };
  return result.image.id;
}

/** How many steps a build had to do. */
function stepsRun(stdout: string): number {
  const last = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as { steps: { result: string }[] };
  return last.steps.filter(({ result }) => result === "MISS").length;
}

async function problemsOf(home: string) {
  using store = openStore(home);
  return await store.verify();
}

interface Aftermath {
  readonly image: string;
  readonly left: readonly string[];
  readonly problems: readonly unknown[];
  readonly stepsRunAgain: number;
}

interface Kill {
  readonly executor: string;
  readonly variant: string;
  readonly atMs: number;
}

/** Starts a build, ends it by force at that moment, and looks at what the next one makes of it. */
async function killAndBuild(home: string, kill: Kill): Promise<Aftermath> {
  const { executor, variant } = kill;
  // A machine that has become faster since the measuring: what was to be killed is done. Earlier, then.
  let { atMs } = kill;
  while (!(await killed(home, { ...kill, atMs }))) atMs /= 2;
  const next = build(home, variant, executor);
  return {
    image: imageId(next.stdout),
    left: leftovers(home, [`sleep\0${NAP}`]),
    problems: await problemsOf(home),
    stepsRunAgain: stepsRun(build(home, variant, executor).stdout),
  };
}

/** What it must be. */
function sound(variant: string): Aftermath {
  return { image: expected[variant] ?? "", left: [], problems: [], stepsRunAgain: 0 };
}

async function killed(home: string, { executor, variant, atMs }: Kill): Promise<boolean> {
  const started = startTsbuild(argsOf(variant, executor), { home, env: EPOCH });
  const timer = setTimeout(() => process.kill(started.pid, "SIGKILL"), atMs);
  const { signal } = await started.ended;
  clearTimeout(timer);
  return signal === "SIGKILL";
}

/** Moments spread over the build, each at a random place of its share; the same ones for the same seed. */
function moments(count: number, seed: string): readonly number[] {
  const random = noise(seed, count * 4);
  return Array.from(
    { length: count },
    (_, i) => ((i + random.readUInt32LE(i * 4) / 2 ** 32) / count) * timesMs,
  );
}

test("kill -9 at 50 moments of a build leaves nothing behind, and the next build is right", async () => {
  for (const [i, atMs] of moments(50, "native").entries()) {
    // In turn a store that is new, so that everything is to be killed in, and the one that was killed in before.
    const home = newHome(`auto-${i >> 1}`);
    const variant = VARIANTS[i % 2] ?? "";
    expect(await killAndBuild(home, { executor: "auto", variant, atMs })).toEqual(sound(variant));
  }
}, 600_000);

test.each(["oci", "unshare"])("the same with the %s executor", async (executor) => {
  // Its commands take longer to start.
  for (const [i, atMs] of moments(6, executor).entries()) {
    const home = newHome(`${executor}-${i >> 1}`);
    const variant = VARIANTS[i % 2] ?? "";
    expect(await killAndBuild(home, { executor, variant, atMs: atMs * 1.5 })).toEqual(sound(variant));
  }
});

/** Bytes that do not repeat, the same for the same seed. */
function noise(seed: string, bytes: number): Buffer {
  return createHash("shake256", { outputLength: bytes }).update(seed).digest();
}
