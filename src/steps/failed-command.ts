import { encodePath } from "../core/byte-path.ts";
import type { RootView } from "../snapshot/root-view.ts";

/** Output kept to tell a failure by: the last words of a command. */
const TAIL_CHARACTERS = 4096;

/** The end of what a command wrote to standard error. */
export class LastWords {
  #text = "";

  add(text: string): void {
    this.#text = (this.#text + text).slice(-TAIL_CHARACTERS);
  }

  /** Its last line that says something; undefined: it said nothing. */
  get line(): string | undefined {
    const lines = this.#text.split(/[\r\n]+/).map((line) => line.trim());
    return lines.findLast((line) => line !== "");
  }
}

/** What a person can do about a command that failed; and the word of the Dockerfile that it is about. */
export function adviseOn(
  failed: {
    readonly exitCode: number;
    /** Of its standard error. */
    readonly lastLine: string | undefined;
    /** It wrote something. */
    readonly hasLog: boolean;
    readonly env: readonly string[];
  },
  view: RootView,
): { readonly hint: string; readonly word: string | undefined } {
  const { exitCode, lastLine, hasLog, env } = failed;
  const missing = exitCode === 127 ? missingProgram(lastLine) : undefined;
  if (missing !== undefined) {
    const near = nearProgram(missing, env, view);
    const hint =
      near === undefined
        ? `The image has no ${missing}: install it in a step above, or begin from an image that has it.`
        : `Did you mean ${near}?`;
    return { hint, word: missing };
  }
  if (exitCode === 126)
    return {
      hint: "The file is there but cannot be executed: chmod +x it (COPY --chmod=755), and look at its #! line.",
      word: undefined,
    };
  if (exitCode === 137) return { hint: "The command was killed: is there enough memory?", word: undefined };
  return {
    hint: !hasLog
      ? "The command said nothing about why; run its parts in steps of their own to see which one fails."
      : "What the command wrote is above, and whole in the log.",
    word: undefined,
  };
}

/** `/bin/sh: 1: npmm: not found`, `bash: line 1: npmm: command not found`, `sh: npmm: not found`. */
function missingProgram(line: string | undefined): string | undefined {
  return /(?:^|:\s)([^\s:]+): (?:command )?not found$/.exec(line ?? "")?.[1];
}

function nearProgram(name: string, env: readonly string[], view: RootView): string | undefined {
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) ?? "";
  for (const dir of path.split(":")) {
    const real = view.resolve(encodePath(dir), true);
    const near = real === undefined ? undefined : view.names(real).find((other) => isNear(name, other));
    if (near !== undefined) return near;
  }
  return undefined;
}

/** One letter more, less, another, or two swapped. */
function isNear(a: string, b: string): boolean {
  if (a === b || a.length < 3 || Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start += 1;
  const [restA, restB] = [a.slice(start), b.slice(start)];
  if (restA.slice(1) === restB || restA === restB.slice(1) || restA.slice(1) === restB.slice(1)) return true;
  return restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2);
}
