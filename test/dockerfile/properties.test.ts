import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { BuildError } from "../../src/core/errors.ts";
import type { DockerfileAst } from "../../src/dockerfile/ast.ts";
import { trimBlanks } from "../../src/dockerfile/blanks.ts";
import { renderSource } from "../../src/dockerfile/diagnostics.ts";
import { expandWord, expandWords } from "../../src/dockerfile/expand.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { checkStructure } from "../../src/dockerfile/structure-check.ts";

/** Pieces that Dockerfiles are made of, so that chance meets the interesting joints. */
const PIECES = [
  "FROM ",
  "RUN ",
  "COPY ",
  "ENV ",
  "ARG ",
  "LABEL ",
  "ONBUILD ",
  "HEALTHCHECK ",
  "CMD ",
  "SHELL ",
  "EXPOSE ",
  "VOLUME ",
  "USER ",
  "# escape=`",
  "# syntax=x",
  "# c",
  "\n",
  "\n",
  "\r\n",
  "\\\n",
  "`\n",
  " ",
  "\t",
  "\u00a0",
  "\uFEFF",
  "\u000b",
  "--from=a ",
  "--mount=",
  "-- ",
  "--x",
  "<<EOF",
  "<<-'E'",
  "EOF\n",
  "E\n",
  '["a", "b"]',
  "[1]",
  "[",
  "]",
  '"',
  "'",
  "\\",
  "`",
  "$",
  "${",
  "}",
  ":-",
  "#",
  "%",
  "/",
  "=",
  "a",
  "é",
  "😀",
  "\ud800",
  "A=1",
  "AS b",
  "NONE",
  "--interval=1s",
];
const dockerfile = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 3, unit: "binary" })), { maxLength: 40 })
  .map((parts) => parts.join(""));
const word = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "$",
        "${",
        "}",
        "A",
        ":",
        "-",
        "+",
        "?",
        "#",
        "%",
        "/",
        "*",
        "\\",
        "'",
        '"',
        " ",
        "<<",
        "é",
        "😀",
      ),
      fc.string({ maxLength: 2 }),
    ),
    { maxLength: 20 },
  )
  .map((parts) => parts.join(""));

const lookupA = (name: string) => (name === "A" ? "a*b/c d" : undefined);
const expand = (quoted: string) => expandWord(quoted, () => "no", { escape: "\\" }).value;

/** "holds", or what breaks the property. */
function verdict<T>(details: fc.RunDetails<T>): unknown {
  return details.failed
    ? { counterexample: details.counterexample, error: String(details.errorInstance) }
    : "holds";
}

function parse(text: string): DockerfileAst | BuildError {
  try {
    return parseDockerfile({ name: "Dockerfile", text });
  } catch (error) {
    if (error instanceof BuildError) return error;
    throw error;
  }
}

/** The file parses, or the error has a next step and, unless the file is empty, a place that can be drawn. */
function parsesOrExplains(text: string): boolean {
  const result = parse(text);
  if (!(result instanceof BuildError)) return true;
  const { at, hint = "" } = result.details;
  if (hint === "") return false;
  return at === undefined
    ? result.code === "dockerfile/empty"
    : renderSource({ name: "Dockerfile", text }, at).length > 0;
}

test.each(["", "FROM a\n"])(
  "any text behind %j parses, or fails with a place inside it and a next step",
  (start) => {
    const property = fc.property(dockerfile, (text) => parsesOrExplains(start + text));
    expect(verdict(fc.check(property, { numRuns: 5000 }))).toBe("holds");
  },
);

test("the source of an instruction without heredocs, parsed again, is the same instruction", () => {
  const property = fc.property(dockerfile, (text) => {
    const ast = parse(`FROM a\n${text}`);
    if (ast instanceof BuildError) return true;
    const { escape, stages } = ast;
    // A line that ends in the escape would take in the line behind it.
    const simple = stages[0]?.instructions.filter(
      (one) => one.heredocs.length === 0 && !one.source.endsWith(escape),
    );
    return simple?.every((instruction) => {
      const again = parse(`# escape=${escape}\nFROM a\n${instruction.source}`);
      if (again instanceof BuildError) return false;
      return isDeepStrictEqual(withoutPlaces(again.stages[0]?.instructions[0]), withoutPlaces(instruction));
    });
  });
  expect(verdict(fc.check(property, { numRuns: 3000 }))).toBe("holds");
});

/** Blanks at the end are part of a trigger and of no source; comments stand above an instruction, not in it. */
function withoutPlaces(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value ?? null), (key, item: unknown) => {
    if (key === "at" || key === "comments") return undefined;
    return key === "trigger" ? trimBlanks(String(item)) : item;
  });
}

test.each(["\\", "`"])("any word expands under the escape %s, or fails as a bad expansion", (escape) => {
  const property = fc.property(word, fc.boolean(), (text, split) => {
    try {
      if (split) expandWords(text, lookupA, { escape });
      else expandWord(text, lookupA, { escape });
      return true;
    } catch (error) {
      return error instanceof BuildError && error.code === "dockerfile/bad-expansion";
    }
  });
  expect(verdict(fc.check(property, { numRuns: 5000 }))).toBe("holds");
});

test("whatever the text, in single quotes, in double quotes and escaped it comes out as it went in", () => {
  const property = fc.property(fc.string({ unit: "binary" }), (text) => {
    const single = text.replaceAll("'", "");
    return (
      expand(`'${single}'`) === single &&
      expand(`"${text.replace(/["$\\]/g, "\\$&")}"`) === text &&
      expand(Array.from(text, (char) => `\\${char}`).join("")) === text
    );
  });
  expect(verdict(fc.check(property))).toBe("holds");
});

test("words that were quoted come out one by one", () => {
  const quotable = fc.string({ minLength: 1 }).map((text) => text.replaceAll("'", "-"));
  const property = fc.property(fc.array(quotable), (words) => {
    const line = words.map((text) => `'${text}'`).join(" ");
    return isDeepStrictEqual(
      expandWords(line, () => undefined, { escape: "\\" }),
      words,
    );
  });
  expect(verdict(fc.check(property))).toBe("holds");
});

test("dockerfile-ast is never given text that it throws over", async () => {
  const property = fc.asyncProperty(dockerfile, async (text) => {
    const ast = parse(`FROM a\n${text}`);
    return ast instanceof BuildError || Array.isArray(await checkStructure(ast));
  });
  expect(verdict(await fc.check(property, { numRuns: 300 }))).toBe("holds");
});
