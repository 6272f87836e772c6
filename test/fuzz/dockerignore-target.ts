import { toIgnoreRules } from "../../src/context/ignore-file.ts";
import { BuildError } from "../../src/core/errors.ts";
import type { PathVerdict, PatternSet } from "../../src/core/pattern/pattern-set.ts";
import { corpusFiles, corpusTable } from "./corpus.ts";
import type { FuzzTarget } from "./target.ts";

const PIECES = [
  "!",
  "#",
  "**",
  "**/",
  "/**",
  "a**b",
  "*",
  "?",
  "[a-z]",
  "[^a]",
  "[!a]",
  "[]",
  "[a-",
  "\\",
  "\\*",
  "..",
  "./",
  "/",
  "\n",
  "\r\n",
  " ",
  "\u00a0",
  "é",
  "\ufeff",
  "{a,b}",
  "(a|b)+$",
  ".*",
];
const PATHS = [
  "a",
  "a/b",
  "a/b/c.md",
  "docs/README.md",
  ".git/config",
  "x y",
  "é/ü",
  "aaaaaaaaaaaaaaaa/b",
  "a\nb",
];
/** Paths made of the patterns themselves; more would not find more. */
const MAX_OWN_PATHS = 12;
/** matchesOrParent starts anew at each directory of the path: quadratic in it, and meant for few short ones. */
const MAX_PATH = 400;
const MAX_DEPTH = 12;

/** The file's lines to rules, and the rules asked about paths, walking down and at once. */
export function openTarget(): FuzzTarget {
  return {
    seeds: [
      ...corpusFiles((name) => name.endsWith("dockerignore")),
      ...corpusTable("ignorefile.json").map((row) =>
        Buffer.from(typeof row["content"] === "string" ? row["content"] : ""),
      ),
      ...corpusTable("patterns.json").map((row) =>
        Buffer.from(Array.isArray(row["patterns"]) ? row["patterns"].join("\n") : ""),
      ),
    ],
    pieces: PIECES.map((text) => Buffer.from(text)),
    maxBytes: 16 * 1024,
    run: (input) => {
      try {
        const { set, rules } = toIgnoreRules(".dockerignore", input);
        const own = rules.slice(0, MAX_OWN_PATHS).map((rule) => rule.pattern.replaceAll(/[!*?[\]\\]/g, "x"));
        const answers = [...PATHS, ...own].map((path) => ask(set, path.slice(0, MAX_PATH)));
        return `${Math.min(rules.length, 8)} ${answers.slice(0, PATHS.length).join("")}`;
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
        if (error.message.length > 1000)
          throw new Error("a message of a thousand characters", { cause: error });
        return `${error.code} ${error.message.slice(0, 24)}`;
      }
    },
    [Symbol.dispose]: () => undefined,
  };
}

function ask(set: PatternSet, path: string): string {
  const parts = path.split("/");
  let verdict: PathVerdict = set.root;
  for (let depth = 1; depth <= Math.min(parts.length, MAX_DEPTH); depth++) {
    const here = parts.slice(0, depth).join("/");
    const excluded = set.isExcluded(verdict, here);
    const below = set.enter(verdict, here);
    if (below.excluded !== excluded) throw new Error(`two answers for ${JSON.stringify(here)}`);
    // A directory that may be skipped holds nothing that could come back.
    if (set.canPrune(below, here) && !set.isExcluded(below, `${here}/any`))
      throw new Error(`${JSON.stringify(here)} is pruned, but ${JSON.stringify(`${here}/any`)} is kept`);
    verdict = below;
  }
  return `${verdict.excluded ? "x" : "-"}${set.matchesOrParent(path) ? "x" : "-"}`;
}
