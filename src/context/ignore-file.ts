import { decodePath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import { BadPatternError } from "../core/pattern/bad-pattern-error.ts";
import { cleanPattern, trimSpace } from "../core/pattern/clean.ts";
import { compilePatternSet, type PatternSet } from "../core/pattern/pattern-set.ts";

/** One line of a .dockerignore that holds a pattern. */
export interface IgnoreRule {
  /** Byte string (latin1), cleaned, a leading slash dropped, `!` kept. */
  readonly pattern: string;
  /** 1-based. */
  readonly line: number;
  /** The line as written, for people. */
  readonly text: string;
}

/** The rules in force for one build. `set.patterns[i].index` is a place in `rules`. */
export interface IgnoreRules {
  /** The file they came from, as people name it (`.dockerignore`, `app.Dockerfile.dockerignore`); null where there is none. */
  readonly file: string | null;
  readonly rules: readonly IgnoreRule[];
  readonly set: PatternSet;
}

export const NO_RULES: IgnoreRules = { file: null, rules: [], set: compilePatternSet([]) };

/** Longest line that Docker reads; its scanner gives up on a longer one. */
const MAX_LINE_BYTES = 65_535;

/** Gives a file's bytes, undefined where there is none. */
export type ReadFile = (path: string) => Buffer | undefined;

/**
 * The rules for a Dockerfile: `<Dockerfile>.dockerignore` beside it, else `.dockerignore` in the context's root, else none.
 * `paths` are what `read` takes. Throws `context/bad-ignore-file` at the line that Docker would refuse.
 */
export function readIgnoreRules(
  read: ReadFile,
  paths: { readonly dockerfile: string | undefined; readonly shared: string },
): IgnoreRules {
  const own = paths.dockerfile === undefined ? undefined : `${paths.dockerfile}.dockerignore`;
  for (const path of own === undefined ? [paths.shared] : [own, paths.shared]) {
    const bytes = read(path);
    if (bytes !== undefined) return toIgnoreRules(path.slice(path.lastIndexOf("/") + 1), bytes);
  }
  return NO_RULES;
}

/** `file` is how people name it; `bytes` what it holds. */
export function toIgnoreRules(file: string, bytes: Buffer): IgnoreRules {
  const rules = parseIgnoreFile(bytes, file);
  try {
    return { file, rules, set: compilePatternSet(rules.map((rule) => rule.pattern)) };
  } catch (error) {
    if (!(error instanceof BadPatternError)) throw error;
    throw badRule(file, error, blame(rules));
  }
}

/** Reads as moby/patternmatcher's ignorefile does: a BOM dropped, `#` only in column one, blanks trimmed, paths cleaned. */
export function parseIgnoreFile(bytes: Buffer, file = ".dockerignore"): readonly IgnoreRule[] {
  const text = bytes.toString("latin1").replace(/^\xef\xbb\xbf/, "");
  return text.split("\n").flatMap((ended, index) => {
    const line = index + 1;
    const raw = ended.endsWith("\r") ? ended.slice(0, -1) : ended;
    if (raw.length > MAX_LINE_BYTES) throw tooLong(file, line);
    const trimmed = trimSpace(raw);
    if (raw.startsWith("#") || trimmed === "") return [];
    return [{ pattern: normalise(trimmed), line, text: decodePath(raw) }];
  });
}

function normalise(trimmed: string): string {
  const isException = trimmed.startsWith("!");
  const path = isException ? trimSpace(trimmed.slice(1)) : trimmed;
  const cleaned = path === "" ? "" : cleanPattern(path);
  const relative = cleaned.length > 1 && cleaned.startsWith("/") ? cleaned.slice(1) : cleaned;
  return isException ? `!${relative}` : relative;
}

/** The rule that a compiler refuses when asked for each alone. */
function blame(rules: readonly IgnoreRule[]): IgnoreRule | undefined {
  return rules.find((rule) => {
    try {
      compilePatternSet([rule.pattern]);
      return false;
    } catch {
      return true;
    }
  });
}

function badRule(file: string, error: BadPatternError, rule: IgnoreRule | undefined): BuildError {
  const text = rule?.text ?? decodePath(error.pattern);
  const line = rule?.line ?? 1;
  return new BuildError(
    "context/bad-ignore-file",
    `${file}, line ${line}: ${error.message}: ${text.trim()}`,
    {
      hint: error.message.startsWith("illegal")
        ? "Write a pattern after the `!`, or remove the line."
        : "Close every `[` and escape special characters with `\\`.",
      file,
      at: { line, column: 1, endLine: line, endColumn: text.length + 1 },
      cause: error,
    },
  );
}

function tooLong(file: string, line: number): BuildError {
  return new BuildError("context/bad-ignore-file", `${file}, line ${line} is longer than 64 KiB`, { file });
}
