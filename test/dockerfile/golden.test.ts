import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DockerfileAst } from "../../src/dockerfile/ast.ts";
import { expandWord, expandWords } from "../../src/dockerfile/expand.ts";
import type { DockerfileNode } from "../../src/dockerfile/node.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { scanDockerfile } from "../../src/dockerfile/scan.ts";
import { sharedData } from "../helpers/shared-data.ts";
import { failureOf } from "./failure.ts";

/** Rows that may differ from the recorded answer, each with its reason. None does. */
const EXCEPTIONS: ReadonlyMap<string, string> = new Map();

const parserData = sharedData("conformance/parser");
const casesData = sharedData("conformance/cases");

interface RecordedNode {
  readonly instruction: string;
  readonly original: string;
  readonly args: readonly string[];
  readonly flags?: readonly string[];
  readonly attributes?: Readonly<Record<string, boolean>>;
  readonly heredocs?: readonly unknown[];
  readonly child?: RecordedNode;
  readonly prev_comment?: readonly string[];
  readonly start_line: number;
  readonly end_line: number;
}
interface Recorded {
  readonly error: boolean;
  readonly message?: string;
  readonly escape?: string;
  readonly nodes?: readonly RecordedNode[];
  readonly warnings?: readonly string[];
  readonly instructions?: {
    readonly error: boolean;
    readonly message?: string;
    readonly meta_args: readonly { readonly key: string; readonly value: string | null }[] | null;
    readonly stages: readonly RecordedStage[] | null;
  };
}
interface RecordedStage {
  readonly base: string;
  readonly name: string;
  readonly platform: string;
  readonly commands: readonly string[] | null;
}

/** The shape that was recorded from BuildKit's parser; absent where empty. */
function recordNode(node: DockerfileNode, isChild = false): RecordedNode {
  return {
    instruction: node.instruction.text,
    original: node.original,
    args: node.args.map((word) => word.text),
    ...(node.flags.length > 0 ? { flags: node.flags.map((word) => word.text) } : {}),
    ...(node.json ? { attributes: { json: true } } : {}),
    ...(node.heredocs.length > 0
      ? {
          heredocs: node.heredocs.map(({ fileDescriptor, ...heredoc }) => ({
            ...heredoc,
            file_descriptor: fileDescriptor,
          })),
        }
      : {}),
    ...(node.child === undefined ? {} : { child: recordNode(node.child, true) }),
    ...(node.comments.length > 0 ? { prev_comment: node.comments } : {}),
    start_line: isChild ? 0 : node.startLine,
    end_line: isChild ? 0 : node.endLine,
  };
}

function recordStages(ast: DockerfileAst) {
  return {
    meta_args: ast.metaArgs.flatMap((arg) =>
      arg.args.map(({ key, value }) => ({ key, value: value ?? null })),
    ),
    stages: ast.stages.map(({ from, instructions }) => ({
      base: from.base,
      name: from.stageName ?? "",
      platform: from.platform ?? "",
      commands: instructions.map((instruction) => instruction.type),
    })),
  };
}

function loadDockerfiles(root: string) {
  return readdirSync(root)
    .filter((name) => !EXCEPTIONS.has(name))
    .map((name) => {
      const expected: Recorded = JSON.parse(readFileSync(join(root, name, "expected.json"), "utf8"));
      return { name, text: readFileSync(join(root, name, "Dockerfile"), "utf8"), expected };
    });
}

describe.skipIf(parserData === undefined)("recorded Dockerfiles", () => {
  const rows = parserData === undefined ? [] : loadDockerfiles(join(parserData, "dockerfiles"));

  test("all of them are here", () => {
    expect(rows.length).toBeGreaterThanOrEqual(230);
  });

  test.each(rows.filter((row) => !row.expected.error))(
    "$name comes apart as in BuildKit",
    ({ text, expected }) => {
      const { nodes, escape, warnings } = scanDockerfile(text);
      expect(nodes.map((node) => recordNode(node))).toEqual(expected.nodes);
      expect(escape).toBe(expected.escape);
      expect(warnings).toHaveLength(expected.warnings?.length ?? 0);
    },
  );

  test.each(rows.filter((row) => row.expected.error))("$name is refused by the scanner", ({ text }) => {
    expect(failureOf(() => scanDockerfile(text)).code).toMatch(/^dockerfile\//);
  });

  test.each(rows.filter((row) => row.expected.instructions?.error === false))(
    "$name has BuildKit's stages and instructions",
    ({ text, expected }) => {
      const { instructions } = expected;
      expect(recordStages(parseDockerfile({ name: "Dockerfile", text }))).toEqual({
        meta_args: instructions?.meta_args ?? [],
        stages: (instructions?.stages ?? []).map((stage) => ({
          ...stage,
          commands: (stage.commands ?? []).map((command) => command.toUpperCase()),
        })),
      });
    },
  );

  test.each(rows.filter((row) => row.expected.instructions?.error === true))(
    "$name has an instruction that is refused, on BuildKit's line",
    ({ text, expected }) => {
      const error = failureOf(() => parseDockerfile({ name: "Dockerfile", text }));
      const line = Number(
        /on line (\d+):/.exec(expected.instructions?.message ?? "")?.[1] ?? error.details.at?.line,
      );
      expect(error.details.at?.line).toBe(line);
      expect(error.details.hint).toBeTruthy();
    },
  );
});

interface RecordedCase {
  readonly error: boolean;
  readonly error_line?: number;
  readonly message_hint?: string;
}

/** Messages that BuildKit ends with before it plans anything. */
const FROM_THE_PARSER =
  /dockerfile parse error|Must be of the form|must have two arguments|no build stage|escape token|parser directive|cannot be empty|greater than max/;

describe.skipIf(casesData === undefined)("Dockerfiles of the recorded builds", () => {
  const cases = casesData === undefined ? [] : loadCases(casesData);

  test.each(cases.filter((one) => !one.refused))("$name parses", ({ text }) => {
    expect(() => parseDockerfile({ name: "Dockerfile", text })).not.toThrow();
  });

  test.each(cases.filter((one) => one.refused))(
    "$name is refused: $expected.message_hint",
    ({ text, expected }) => {
      const error = failureOf(() => parseDockerfile({ name: "Dockerfile", text }));
      const line = error.details.at?.line;
      expect(line).toBe(expected.error_line ?? line);
    },
  );
});

function loadCases(root: string) {
  return readdirSync(root).map((name) => {
    const expected: RecordedCase = JSON.parse(readFileSync(join(root, name, "expected.json"), "utf8"));
    const { dockerfile } = JSON.parse(readFileSync(join(root, name, "case.json"), "utf8"));
    const refused = expected.error && FROM_THE_PARSER.test(expected.message_hint ?? "");
    return { name, text: readFileSync(join(root, name, dockerfile), "utf8"), expected, refused };
  });
}

interface RecordedWord {
  readonly env: readonly string[];
  readonly escape: string;
  readonly input: string;
  readonly word: {
    readonly error: boolean;
    readonly message?: string;
    readonly result?: string;
    readonly unmatched?: string[];
  };
  readonly words: { readonly error: boolean; readonly result?: readonly string[] };
}

describe.skipIf(parserData === undefined)("recorded expansions", () => {
  const rows: readonly RecordedWord[] =
    parserData === undefined ? [] : JSON.parse(readFileSync(join(parserData, "lexer.json"), "utf8"));
  const named = rows.map((row) => ({ name: `${JSON.stringify(row.input)} with escape ${row.escape}`, row }));

  test.each(named.filter(({ row }) => !row.word.error))("$name", ({ row }) => {
    const lookup = lookupIn(row.env);
    const { value, unmatched } = expandWord(row.input, lookup, { escape: row.escape });
    expect(value).toBe(row.word.result);
    expect(unmatched.toSorted()).toEqual(row.word.unmatched?.toSorted());
    expect(expandWords(row.input, lookup, { escape: row.escape })).toEqual(row.words.result);
  });

  test.each(named.filter(({ row }) => row.word.error))("$name is refused for the same reason", ({ row }) => {
    const lookup = lookupIn(row.env);
    const error = failureOf(() => expandWord(row.input, lookup, { escape: row.escape }));
    expect(error.code).toBe("dockerfile/bad-expansion");
    expect(error.message.endsWith(row.word.message?.split('": ').at(-1) ?? "?")).toBe(true);
    expect(() => expandWords(row.input, lookup, { escape: row.escape })).toThrow(error.message);
  });
});

function lookupIn(env: readonly string[]) {
  const values = new Map(
    env.map((entry) => [entry.slice(0, entry.indexOf("=")), entry.slice(entry.indexOf("=") + 1)]),
  );
  return (name: string) => values.get(name);
}
