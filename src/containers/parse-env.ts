import { readFileSync } from "node:fs";
import { BuildError } from "../core/errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** `-e`: `NAME=VALUE`, or `NAME` for what it is here; one that is not set here is left out. */
export function parseEnv(word: string, env: Env): readonly string[] {
  if (word === "" || word.startsWith("=")) {
    throw new BuildError("cli/usage", `"${word}" is no variable`, { hint: "Write NAME=VALUE." });
  }
  if (word.includes("=")) return [word];
  const value = env[word];
  return value === undefined ? [] : [`${word}=${value}`];
}

/** `--env-file`: a variable a line, taken as it stands, without quotes or expansion; `#` begins a comment. */
export function readEnvFile(path: string, env: Env): readonly string[] {
  return linesOf(path, "--env-file").flatMap((line) => {
    const name = line.split("=")[0] ?? "";
    if (/\s/.test(name)) {
      throw new BuildError("cli/usage", `${path}: the variable "${name}" has white space in its name`, {
        hint: "A line reads NAME=VALUE.",
      });
    }
    return parseEnv(line, env);
  });
}

/** `-l` and lines of `--label-file`: `NAME=VALUE`, or `NAME` for an empty one. */
export function parseLabels(words: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.map((word) => {
      const equals = word.indexOf("=");
      return equals < 0 ? [word, ""] : [word.slice(0, equals), word.slice(equals + 1)];
    }),
  );
}

function linesOf(path: string, flag: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BuildError("cli/usage", `${flag}=${path} cannot be read: ${why}`, { cause: error });
  }
  return text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .map((line) => line.replace(/\r$/, "").trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
