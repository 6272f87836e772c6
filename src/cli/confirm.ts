import { createInterface } from "node:readline/promises";
import type { CliContext } from "./command.ts";

/** Asks on standard error; anything but a yes is a no, the end of the input too. */
export async function confirm(warning: string, { stdin, stderr, signal }: CliContext): Promise<boolean> {
  stderr.write(`${warning}\nAre you sure you want to continue? [y/N] `);
  const reader = createInterface({ input: stdin, terminal: false });
  try {
    for await (const line of readLines(reader, signal)) return /^y(?:es)?$/i.test(line.trim());
    return false;
  } finally {
    reader.close();
    stdin.unref?.();
  }
}

async function* readLines(reader: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator<string> {
  for await (const line of reader) {
    if (signal.aborted) return;
    yield line;
  }
}
