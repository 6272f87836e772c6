/** What a 401 asks for (RFC 9110, 11.6.1; Docker registry token specification). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const PARAMETER = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y;
const BLANK = /[\s,]*/y;

/** Every challenge of the WWW-Authenticate lines, in order. What cannot be read ends a line. */
export function parseChallenges(lines: readonly string[]): readonly Challenge[] {
  return lines.flatMap(parseLine);
}

/** The one to answer: Bearer before Basic, as Docker does; undefined where neither is offered. */
export function chooseChallenge(lines: readonly string[]): Challenge | undefined {
  const offered = parseChallenges(lines);
  return (
    offered.find(({ scheme }) => scheme === "bearer") ?? offered.find(({ scheme }) => scheme === "basic")
  );
}

function parseLine(line: string): Challenge[] {
  const found: Challenge[] = [];
  let position = 0;
  const take = (pattern: RegExp) => {
    pattern.lastIndex = position;
    const match = pattern.exec(line);
    if (match !== null) position = pattern.lastIndex;
    return match;
  };
  for (;;) {
    take(BLANK);
    const scheme = take(TOKEN)?.[0];
    if (scheme === undefined) return found;
    const parameters = new Map<string, string>();
    for (;;) {
      take(BLANK);
      const match = take(PARAMETER);
      if (match === null) break;
      const [, name = "", quoted, plain = ""] = match;
      parameters.set(name.toLowerCase(), quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, "$1"));
    }
    found.push({ scheme: scheme.toLowerCase(), parameters });
  }
}
