import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { BuildError } from "../core/errors.ts";
import { type Bytes, damaged } from "./byte-streams.ts";

/** Fixed: a PATH from a build argument, or a directory someone else writes to, must not choose what runs on the host. */
const PROGRAM_DIRS = ["/usr/bin", "/bin", "/usr/local/bin", "/opt/homebrew/bin"];
const MAX_ERROR_CHARS = 2_000;

/** Decompresses with the system's own program: node has no bzip2 and no xz. */
export async function* throughProgram(source: Bytes, program: "bzip2" | "xz"): AsyncGenerator<Uint8Array> {
  const limits = program === "xz" ? ["--memlimit-decompress=1GiB"] : [];
  const child = spawn(requireProgram(program), ["-d", "-c", ...limits], { stdio: "pipe", env: {} });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(0, MAX_ERROR_CHARS);
  });
  const { promise: exit, resolve, reject } = Promise.withResolvers<number | null>();
  child.once("close", resolve).once("error", reject);
  let sourceError: Error | undefined;
  const input = Readable.from(source, { highWaterMark: 2 });
  input.once("error", (error) => {
    sourceError = error;
    child.kill();
  });
  // A program that ends early closes its input: its exit status says why, not the broken pipe.
  pipeline(input, child.stdin, () => undefined);
  try {
    for await (const chunk of child.stdout) yield chunk;
    const status = await exit;
    if (sourceError !== undefined) throw sourceError;
    if (status !== 0) throw damaged(program, new Error(complaint.trim() || `exit status ${status}`));
  } finally {
    input.destroy();
    child.kill();
  }
}

/** Absolute path of a program that unpacks; `layer/compression` where it is not installed. */
export function requireProgram(program: string): string {
  const found = PROGRAM_DIRS.map((dir) => `${dir}/${program}`).find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new BuildError(
    "layer/compression",
    `the data is compressed with ${program}, which is not installed here`,
    {
      hint: `Install ${program}${program === "xz" ? " (xz-utils)" : ""}, or compress with gzip or zstd.`,
    },
  );
}
