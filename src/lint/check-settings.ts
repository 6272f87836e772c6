import { BuildError } from "../core/errors.ts";
import type { SourceRange } from "../core/source-range.ts";
import type { DockerfileAst } from "../dockerfile/ast.ts";
import { suggest } from "../dockerfile/suggest.ts";
import { isExperimental, isRuleName, RULES, type RuleName } from "./rules.ts";

/** Which checks are on, and whether a finding fails the build. Names may be of no rule: they are kept, and count for nothing. */
export interface CheckSettings {
  readonly skip: ReadonlySet<string> | "all";
  readonly experimental: ReadonlySet<string> | "all";
  readonly error: boolean;
}

export const DEFAULT_SETTINGS: CheckSettings = { skip: new Set(), experimental: new Set(), error: false };

const CHECK_ARG = "BUILDKIT_DOCKERFILE_CHECK";
const EXPERIMENTAL_ARG = "BUILDKIT_DOCKERFILE_CHECK_EXPERIMENTAL";

/**
 * The settings of a build: BUILDKIT_DOCKERFILE_CHECK among the build args, else the `# check=` at the top of the file. Throws
 * `dockerfile/bad-directive` at the directive, `cli/usage` for the argument.
 */
export function checkSettings(
  ast: DockerfileAst,
  buildArgs: Readonly<Record<string, string>>,
): CheckSettings {
  const given = buildArgs[CHECK_ARG];
  const directive = ast.directives["check"];
  const settings =
    given === undefined ? readDirective(directive, ast.text) : readArgument(CHECK_ARG, given, given);
  const more = buildArgs[EXPERIMENTAL_ARG];
  if (more === undefined) return settings;
  return mergeSettings(settings, readArgument(EXPERIMENTAL_ARG, more, `experimental=${more}`));
}

function readArgument(name: string, written: string, text: string): CheckSettings {
  const settings = parseCheckSettings(text);
  if (typeof settings !== "string") return settings;
  throw new BuildError("cli/usage", `--build-arg ${name}=${written}: ${settings}`, { hint: FORM });
}

function readDirective(value: string | undefined, text: string): CheckSettings {
  if (value === undefined) return DEFAULT_SETTINGS;
  // BuildKit reads up to the first blank.
  const settings = parseCheckSettings(value.split(" ")[0] ?? "");
  if (typeof settings !== "string") return settings;
  throw new BuildError("dockerfile/bad-directive", `# check: ${settings}`, {
    at: placeOfDirective(text),
    hint: FORM,
  });
}

const FORM =
  "Write check=skip=NAME,NAME;error=true;experimental=NAME, any of the three; all stands for every name.";

function placeOfDirective(text: string): SourceRange {
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  const index = Math.max(
    0,
    lines.findIndex((line) => /^\s*#\s*check\s*=/i.test(line)),
  );
  const line = (lines[index] ?? "").trimEnd();
  const column = line.length - line.trimStart().length + 1;
  return { line: index + 1, column, endLine: index + 1, endColumn: Math.max(line.length, column) + 1 };
}

/**
 * `skip=A,B;error=true;experimental=all` (BuildKit: linter.ParseLintOptions, whose split leaves everything behind the second `;`
 * in the third part). What is wrong, in words, where it is not of that form.
 */
export function parseCheckSettings(text: string): CheckSettings | string {
  let settings = DEFAULT_SETTINGS;
  if (text.trim() === "") return settings;
  const [first = "", second, ...rest] = text.trim().split(";");
  const parts = [
    first,
    ...(second === undefined ? [] : [second]),
    ...(rest.length === 0 ? [] : [rest.join(";")]),
  ];
  for (const part of parts) {
    const equals = part.indexOf("=");
    const key = (equals < 0 ? part : part.slice(0, equals)).trim();
    const value = part.slice(equals + 1).trim();
    if (equals < 0) return `"${key}" is no setting=value`;
    switch (key) {
      case "skip":
      case "experimental":
        settings = { ...settings, [key]: readNames(value) };
        break;
      case "error": {
        const error = readBoolean(value);
        if (error === undefined) return `error is true or false, not "${value}"`;
        settings = { ...settings, error };
        break;
      }
      default:
        return `"${key}" is no setting`;
    }
  }
  return settings;
}

function readNames(value: string): ReadonlySet<string> | "all" {
  return value === "all" ? "all" : new Set(value.split(",").map((name) => name.trim()));
}

/** Go's strconv.ParseBool. */
function readBoolean(text: string): boolean | undefined {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  return ["0", "f", "F", "false", "FALSE", "False"].includes(text) ? false : undefined;
}

/** `error` is the file's own: no other settings change it. */
export function mergeSettings(settings: CheckSettings, more: CheckSettings): CheckSettings {
  return {
    ...settings,
    skip: union(settings.skip, more.skip),
    experimental: union(settings.experimental, more.experimental),
  };
}

function union(a: CheckSettings["skip"], b: CheckSettings["skip"]): CheckSettings["skip"] {
  return a === "all" || b === "all" ? "all" : new Set([...a, ...b]);
}

/** A `check=…` among the comments above an instruction holds for it alone; the first one counts, and a wrong one for nothing. */
export function settingsUnder(comments: readonly string[], settings: CheckSettings): CheckSettings {
  for (const comment of comments) {
    const value = /^check\s*=\s*(\S+)/i.exec(comment)?.[1];
    if (value === undefined) continue;
    const own = parseCheckSettings(value);
    return typeof own === "string" ? settings : mergeSettings(settings, own);
  }
  return settings;
}

/** Experimental rules are switched on, not off: `skip` does not concern them. */
export function isOn(rule: RuleName, { skip, experimental }: CheckSettings): boolean {
  if (isExperimental(rule)) return experimental === "all" || experimental.has(rule);
  return skip !== "all" && !skip.has(rule);
}

/** A sentence for each name that no rule has: most often a typing error. */
export function unknownRules({ skip, experimental }: CheckSettings): string[] {
  return [skip, experimental].flatMap((names) =>
    [...(names === "all" ? [] : names)]
      .filter((name) => name !== "" && !isRuleName(name))
      .map((name) => {
        const near = suggest(name, Object.keys(RULES));
        return `check= names ${name}, which is no rule${near === undefined ? "" : `; did you mean ${near}?`}`;
      }),
  );
}
