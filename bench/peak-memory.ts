import { spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

const MEGABYTES = 512;
const POLL_MS = 20;

export interface PeakMemoryOptions {
  readonly program: string;
  readonly store: string;
  /** Image to build on. */
  readonly base: string;
  readonly directory: string;
}

/** Prints the most memory that a COPY of one 512 MB file took: the high-water marks of every process of the build, summed. */
export async function measurePeakMemory(options: PeakMemoryOptions): Promise<void> {
  const context = join(options.directory, "peak-memory");
  writeLargeFile(context, options.base);
  const args = [options.program, "build", "-q", "--no-cache", "-t", "peak:1", context];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, TSBUILD_HOME: options.store },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const marks = new Map<number, number>();
  const poll = setInterval(() => {
    for (const pid of family(child.pid ?? 0))
      marks.set(pid, Math.max(marks.get(pid) ?? 0, highWaterKib(pid)));
  }, POLL_MS);
  const code = await new Promise((resolve) => {
    child.once("exit", resolve);
  });
  clearInterval(poll);
  rmSync(context, { recursive: true, force: true });
  const total = [...marks.values()].reduce((sum, kib) => sum + kib, 0);
  console.log(
    `peak memory of COPY of one ${MEGABYTES} MB file: ${Math.round(total / 1024)} MiB (exit code ${String(code)})`,
  );
}

function writeLargeFile(context: string, base: string): void {
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), `FROM ${base}\nCOPY large /large\n`);
  const block = Buffer.alloc(1 << 20, "a pattern that is not zero ");
  const file = openSync(join(context, "large"), "w");
  for (let index = 0; index < MEGABYTES; index += 1) {
    block.writeUInt32LE(index, 0);
    writeSync(file, block);
  }
  closeSync(file);
}

/** A process and everything below it. */
function family(root: number): readonly number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(name)] as const);
  const found = [root];
  for (const pid of found)
    found.push(...parents.filter(([, parent]) => parent === pid).map(([child]) => child));
  return found;
}

function parentOf(pid: string): number {
  // The command's name, in brackets, may hold blanks and brackets itself.
  return Number(readProc(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ")[1] ?? 0);
}

function highWaterKib(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readProc(`/proc/${pid}/status`))?.[1] ?? 0);
}

function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
