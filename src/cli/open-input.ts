import { createReadStream, statSync } from "node:fs";
import { BuildError } from "../core/errors.ts";
import type { CliContext } from "./command.ts";

/** A file to read from, or standard input for "-". A terminal as standard input is refused: nobody types a tar. */
export function openForReading(file: string, context: CliContext): AsyncIterable<Uint8Array> {
  if (file === "-") {
    if (!context.stdin.isTTY) return context.stdin;
    throw new BuildError("cli/usage", "there is nothing on standard input", {
      hint: "Pipe an archive into the command, or name a file.",
    });
  }
  // Pipes and devices are as good: `load -i <(zcat x.gz)`.
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined || stat.isDirectory()) {
    throw new BuildError("cli/usage", `there is no file ${file}`, { hint: "Check the path." });
  }
  return createReadStream(file, { highWaterMark: 1024 * 1024 });
}
