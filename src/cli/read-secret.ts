import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { BuildError } from "../core/errors.ts";
import type { CliContext } from "./command.ts";

/** A line typed at a terminal; with `hidden` nothing of it is shown. */
export async function askLine(
  question: string,
  { stdin, stderr, signal }: CliContext,
  { hidden }: { readonly hidden: boolean },
): Promise<string> {
  if (!stdin.isTTY) {
    throw new BuildError("cli/usage", "a login asks for what is missing on a terminal, and there is none", {
      hint: "Write: … | tsbuild login -u NAME --password-stdin SERVER",
    });
  }
  stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: stdin, output: hidden ? nowhere : stderr, terminal: true });
  try {
    return await reader.question("", { signal });
  } catch (cause) {
    throw new BuildError("cli/canceled", "canceled", { cause });
  } finally {
    reader.close();
    if (hidden) stderr.write("\n");
  }
}

/** All of standard input, without the line break at its end. */
export async function readSecret({ stdin }: CliContext): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}
