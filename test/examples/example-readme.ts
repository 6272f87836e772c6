import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { PROJECT_ROOT } from "../helpers/project-root.ts";

/** An example, and what its README claims. The claims are the test: a README that is wrong fails. */
export interface Example {
  readonly name: string;
  readonly folder: string;
  /** The image to build first, for an example of two (`base` and `app`). */
  readonly base: string | undefined;
  /** The folder of the build itself. */
  readonly context: string;
  /** Output of the image's own command. */
  readonly prints: string;
  readonly rebuilds: readonly Rebuild[];
  /** It names a frontend by `# syntax=`: an older Docker without a network cannot build it. */
  readonly needsNewFrontend: boolean;
}

/** What a build after a change hits: `HIT  COPY …` lines, `…` at the end for the rest of a line. */
export interface Rebuild {
  readonly title: string;
  /** File to which a line is added, relative to the example. */
  readonly edit: string | undefined;
  readonly buildArg: string | undefined;
  readonly rows: readonly string[];
}

const EXAMPLES = join(PROJECT_ROOT, "examples");

/** Every folder of examples/ whose README says what it prints. */
export function loadExamples(): readonly Example[] {
  return readdirSync(EXAMPLES)
    .filter((name) => statSync(join(EXAMPLES, name)).isDirectory())
    .flatMap((name) => readExample(name) ?? []);
}

function readExample(name: string): Example | undefined {
  const folder = join(EXAMPLES, name);
  const sections = new Map(
    readFileSync(join(folder, "README.md"), "utf8")
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf("\n")), blockOf(section)] as const),
  );
  const prints = sections.get("It prints");
  if (prints === undefined) return undefined;
  const hasBase = readdirSync(folder).includes("base");
  const context = hasBase ? "app" : ".";
  return {
    name,
    folder,
    base: hasBase ? "base" : undefined,
    context,
    prints: prints.map((line) => `${line}\n`).join(""),
    rebuilds: [...sections].flatMap(([title, rows]) => readRebuild(title, rows) ?? []),
    needsNewFrontend: readFileSync(join(folder, context, "Dockerfile"), "utf8").startsWith("# syntax="),
  };
}

function readRebuild(title: string, rows: readonly string[]): Rebuild | undefined {
  const edit = /^After an edit of `(.+)`$/.exec(title)?.[1];
  const buildArg = /^With `--build-arg (.+)`$/.exec(title)?.[1];
  if (edit === undefined && buildArg === undefined) return undefined;
  return { title, edit, buildArg, rows: rows.map((row) => row.replace(/ +/, " ")) };
}

/** The first indented block of a section. */
function blockOf(section: string): readonly string[] {
  const lines = section.split("\n");
  const start = lines.findIndex((line) => line.startsWith("    "));
  const length = lines.slice(start).findIndex((line) => !line.startsWith("    "));
  return lines.slice(start, start + length).map((line) => line.slice(4));
}
