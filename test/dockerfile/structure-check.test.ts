import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { checkStructure, pinpoint } from "../../src/dockerfile/structure-check.ts";
import { sharedData } from "../helpers/shared-data.ts";

const parse = (text: string) => parseDockerfile({ name: "Dockerfile", text });
const recorded = sharedData("conformance/cases");

/** Where dockerfile-ast reads another structure than BuildKit and we, and why. */
const KNOWN: ReadonlyMap<string, string> = new Map([
  ["px-double-backslash", "it joins the next line after a doubled escape"],
  ["px-flag-dashdash", "it takes the -- that ends the flags for a flag"],
]);

describe.skipIf(recorded === undefined)("dockerfile-ast sees the same instructions, places and flags", () => {
  const names = recorded === undefined ? [] : readdirSync(recorded);
  test.each(names)("%s", async (name) => {
    const { dockerfile } = JSON.parse(readFileSync(join(recorded ?? "", name, "case.json"), "utf8"));
    const text = readFileSync(join(recorded ?? "", name, dockerfile), "utf8");
    const ast = parsed(text);
    if (ast === undefined) return;
    expect((await checkStructure(ast)).length > 0).toBe(KNOWN.has(name));
  });
});

/** A file that is refused has no structure to compare. */
function parsed(text: string) {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

test("heredocs that dockerfile-ast misreads are hidden from it", async () => {
  const ast = parse(
    'FROM a\nRUN cat 3<<E << "F G"\nUSER x\nE\nCOPY \\\nF G\nRUN cat \\<<EOF\nCMD cat <<EOF\nUSER y\n',
  );
  expect(await checkStructure(ast)).toEqual([]);
});

test("a disagreement says what both saw", async () => {
  const [first] = await checkStructure(parse("FROM a\nRUN echo c:\\\\\nUSER x\n"));
  expect(first).toMatchObject({
    what: "count",
    index: 2,
    ours: { keyword: "USER", at: { line: 3 } },
    theirs: undefined,
  });
});

test("a word is found inside its instruction, on whichever line it stands", async () => {
  const ast = parse("FROM a\nCOPY --chown=${Q:x} a \\\n  b${V:x} /d\nUSER x\n");
  const at = ast.stages[0]?.instructions[0]?.at ?? { line: 0, column: 0, endLine: 0, endColumn: 0 };
  expect(await pinpoint(ast, at, "${V:x}")).toEqual({ line: 3, column: 4, endLine: 3, endColumn: 10 });
  expect(await pinpoint(ast, at, "${Q:x}")).toMatchObject({ line: 2, column: 14 });
  expect(await pinpoint(ast, at, "nowhere")).toBeUndefined();
});
