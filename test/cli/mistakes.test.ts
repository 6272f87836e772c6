import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

interface Mistake {
  readonly name: string;
  readonly dockerfile?: string;
  readonly files?: Readonly<Record<string, string>>;
  /** `build` and its context where it is not a plain build. */
  readonly args?: readonly string[];
  readonly code: string;
  /** Exit code of tsbuild, where it is not 1. */
  readonly exitCode?: number;
  /** Line and column that the arrow names; undefined: the mistake is in no file. */
  readonly place?: string;
}

const MISTAKES: readonly Mistake[] = [
  {
    name: "an unknown instruction",
    dockerfile: "FROM base\nCOPPY . .\n",
    code: "dockerfile/unknown-instruction",
    place: "2:1",
  },
  {
    name: "a misspelt flag",
    dockerfile: "FROM base\nCOPY --chwon=1 a /\n",
    code: "dockerfile/unknown-flag",
    place: "2:6",
  },
  {
    name: "a flag that is not supported",
    dockerfile: "FROM base\nRUN --device=x true\n",
    code: "dockerfile/unsupported",
    place: "2:5",
  },
  {
    name: "a file that is not in the context",
    dockerfile: "FROM base\nWORKDIR /app\nCOPY pakage.json ./\n",
    files: { "package.json": "{}" },
    code: "context/file-not-found",
    place: "3:6",
  },
  {
    name: "a file that .dockerignore leaves out",
    dockerfile: "FROM base\nCOPY notes.txt ./\n",
    files: { "notes.txt": "x", ".dockerignore": "# none of these\n*.txt\n" },
    code: "context/file-not-found",
    place: "2:6",
  },
  {
    name: "a stage that is not there",
    dockerfile: "FROM base AS build\nFROM base\nCOPY --from=biuld /a /b\n",
    code: "plan/unknown-stage",
    place: "3:13",
  },
  {
    name: "a target that is not there",
    dockerfile: "FROM base AS build\n",
    args: ["--target", "biuld"],
    code: "plan/unknown-stage",
  },
  {
    name: "a JSON form that is none",
    dockerfile: "FROM base\nSHELL ['sh', '-c']\n",
    code: "dockerfile/bad-json",
    place: "2:7",
  },
  {
    name: "an owner without an account",
    dockerfile: "FROM base\nCOPY --chown=nobdy a /\n",
    files: { a: "x" },
    code: "copy/bad-owner",
    place: "2:14",
  },
  {
    name: "a source outside of the context",
    dockerfile: "FROM base\nCOPY ../secret /\n",
    code: "context/file-not-found",
    place: "2:9",
  },
  { name: "a context that is not there", args: ["build", "missing-folder"], code: "context/not-found" },
  {
    name: "a Dockerfile that is not there",
    files: { "Dockerfile.dev": "FROM base\n" },
    code: "dockerfile/not-found",
  },
  {
    name: "a registry that cannot be reached",
    dockerfile: "FROM localhost:1/app:1\n",
    code: "registry/unreachable",
    place: "1:6",
  },
  {
    name: "a digest that is none",
    dockerfile: "FROM base@sha256:1234\n",
    code: "plan/bad-base-name",
    place: "1:6",
  },
  {
    name: "a command that fails",
    dockerfile: "FROM base\nRUN echo before; exit 3\n",
    code: "run/exit-nonzero",
    place: "2:1",
  },
  {
    name: "a command that is not found",
    dockerfile: "FROM base\nRUN npmm run build\n",
    code: "run/exit-nonzero",
    place: "2:5",
  },
  {
    name: "a command that is nearly there",
    dockerfile: "FROM base\nRUN true && lss /\n",
    code: "run/exit-nonzero",
    place: "2:13",
  },
  {
    name: "no shell in the image",
    dockerfile: "FROM scratch\nCOPY a /\nRUN ls\n",
    files: { a: "x" },
    code: "run/cannot-start",
    place: "3:1",
  },
  {
    name: "a tag that is none",
    dockerfile: "FROM base\n",
    args: ["-t", "Bad Name", "."],
    code: "image/bad-reference",
    exitCode: 1,
  },
  {
    name: "a base name that is none",
    dockerfile: "FROM Base:latest:1\n",
    code: "plan/bad-base-name",
    place: "1:6",
  },
  {
    name: "another platform",
    dockerfile: "FROM base\n",
    args: ["--platform", "linux/s390x", "."],
    code: "plan/platform",
    place: "1:6",
  },
  {
    name: "a platform that is none",
    dockerfile: "FROM base\n",
    args: ["--platform", "lunix", "."],
    code: "plan/platform",
  },
  {
    name: "stages in a circle",
    dockerfile: "FROM base AS a\nCOPY --from=a /x /y\n",
    code: "plan/circular",
    place: "1:1",
  },
  {
    name: "a heredoc without an end",
    dockerfile: "FROM base\nRUN <<EOF\necho hi\n",
    code: "dockerfile/unterminated-heredoc",
    place: "2:5",
  },
  {
    name: "a port that is none",
    dockerfile: "FROM base\nEXPOSE 80880\n",
    code: "dockerfile/bad-arguments",
    place: "2:8",
  },
  {
    name: "a user that is not in the image",
    dockerfile: "FROM base\nUSER nobdy\nRUN true\n",
    code: "run/bad-user",
    place: "3:1",
  },
  {
    name: "a misspelt flag of the command",
    dockerfile: "FROM base\n",
    args: ["--no-cahce", "."],
    code: "cli/usage",
    exitCode: 125,
  },
  { name: "an unknown command", args: ["biuld", "."], code: "cli/usage", exitCode: 125 },
  { name: "an empty Dockerfile", dockerfile: "# nothing yet\n", code: "dockerfile/empty" },
  { name: "no FROM", dockerfile: "RUN true\n", code: "dockerfile/before-from", place: "1:1" },
];

describe("a typical mistake gives one error with its place and a next step", () => {
  const dir = tempDir("mistakes");
  const home = join(dir.path, "store");
  beforeAll(() => void tsbuild(["base", "create", "base:latest", "sh", "ls"], { home }));
  afterAll(() => dir[Symbol.dispose]());

  test.each(MISTAKES)("$name", (mistake) => {
    using project = tempDir("mistake");
    const files = {
      ...mistake.files,
      ...(mistake.dockerfile === undefined ? {} : { Dockerfile: mistake.dockerfile }),
    };
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(project.path, path)), { recursive: true });
      writeFileSync(join(project.path, path), text);
    }
    const args = mistake.args ?? ["."];
    const plain = args.at(-1) === "." || args.at(-1) === "missing-folder" ? args : [...args, "."];
    const ran = runTsbuild(plain, { home, cwd: project.path, env: { DOCKER_HOST: "unix:///nowhere" } });
    const errors = ran.stderr.split(/^(?=error\[)/m).filter((part) => part.startsWith("error["));
    expect(errors).toHaveLength(1);
    const [error = ""] = errors;
    expect(error).toMatch(new RegExp(`^error\\[${mistake.code}\\]: `));
    expect(ran.status).toBe(mistake.exitCode ?? 1);
    expect(/--> Dockerfile:(\d+:\d+)/.exec(error)?.[1]).toBe(mistake.place);
    expect(error).toMatch(/^ hint: /m);
    expect(ran.stdout).toBe("");
    expect(settle(error, [project.path, home])).toMatchSnapshot();
  });
});

/** What differs from run to run: folders and ids of builds. */
function settle(text: string, folders: readonly string[]): string {
  const named = folders.reduce(
    (rest, folder, i) => rest.replaceAll(folder, i === 0 ? "PROJECT" : "STORE"),
    text,
  );
  return named.replaceAll(/\b[0-9A-HJKMNP-TV-Z]{26}\b/g, "BUILD");
}
