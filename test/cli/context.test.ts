import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** A project with a repository, dependencies, a key, build output that git ignores, and an ignore file with a slip. */
function project() {
  const dir = tempDir("context");
  const files: Readonly<Record<string, string>> = {
    Dockerfile: "FROM scratch\nCOPY . /\n",
    ".dockerignore": "docs\n!docs/keep.md\nnode_modules/\n**/*.tpm\n",
    ".gitignore": "/dist/\n*.log\n!kept.log\n",
    ".git/HEAD": "ref: refs/heads/main\n",
    ".git/objects/aa": "0123456789",
    "docs/keep.md": "kept",
    "docs/drop.md": "dropped",
    "docs/deep/x.md": "dropped",
    "node_modules/a/index.js": "a",
    "dist/out/app.js": "built",
    "src/.gitignore": "*.gen.ts\n",
    "src/app.ts": "app",
    "src/app.gen.ts": "generated",
    "src/kept.log": "log",
    "src/.env": "PASSWORD=x",
    "src/.env.example": "PASSWORD=",
  };
  const root = join(dir.path, "project");
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  symlinkSync("src/app.ts", join(root, "link"));
  return { root, home: join(dir.path, "home"), [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

interface Survey {
  readonly v: number;
  readonly files: readonly { readonly path: string; readonly type: string; readonly bytes: number }[];
  readonly bytes: number;
  readonly leftOut: readonly { readonly path: string; readonly rule: { readonly line: number } }[];
  readonly folders: readonly { readonly path: string; readonly files: number }[];
  readonly findings: readonly {
    readonly kind: string;
    readonly path: string;
    readonly files: number;
    readonly rule?: { readonly line: number };
  }[];
}

test("context ls shows what is sent, what is left out by which line, and what looks like a slip", () => {
  using at = project();
  const survey = JSON.parse(
    tsbuild(["context", "ls", "--format", "json", at.root], { home: at.home }).stdout,
  ) as Survey;
  expect(survey.files.map(({ path }) => path)).toEqual([
    ".dockerignore",
    ".git/HEAD",
    ".git/objects/aa",
    ".gitignore",
    "Dockerfile",
    "dist/out/app.js",
    "docs/keep.md",
    "link",
    "src/.env",
    "src/.env.example",
    "src/.gitignore",
    "src/app.gen.ts",
    "src/app.ts",
    "src/kept.log",
  ]);
  expect(survey.bytes).toBe(survey.files.reduce((sum, { bytes }) => sum + bytes, 0));
  expect(survey.leftOut.map(({ path, rule }) => `${path}:${rule.line}`)).toEqual([
    "docs/deep:1",
    "docs/drop.md:1",
    "node_modules:3",
  ]);
  expect(
    survey.findings.map(({ kind, path, files, rule }) => `${kind} ${path} ${rule?.line ?? files}`),
  ).toEqual([
    "repository .git 2",
    "secret src/.env 1",
    "gitignored dist 1",
    "gitignored src/app.gen.ts 1",
    "unused-rule .dockerignore 4",
  ]);
  expect(survey.folders.find(({ path }) => path === "src")?.files).toBe(6);
});

test("what context ls says is sent is what a build copies", () => {
  using at = project();
  const listed = tsbuild(["context", "ls", "-q", at.root], { home: at.home }).stdout.trim().split("\n");
  tsbuild(["-t", "copied", at.root], { home: at.home });
  const again = tsbuild(["-t", "copied", "--progress=plain", at.root], { home: at.home });
  expect(again.stderr).toContain("0 misses");
  expect(again.stderr).toContain(`context ${listed.length} files`);
});

test("the text is for people, and holds no control characters of file names", () => {
  using at = project();
  writeFileSync(join(at.root, "odd\u001b[31mname"), "x");
  const { stdout } = tsbuild(["context", "ls", at.root], { home: at.home });
  expect(stdout).toContain(
    "warning: .git is sent (2 files, 31 B), and every commit changes it: add .git to .dockerignore",
  );
  expect(stdout).toContain("note: .dockerignore, line 4, decides about nothing that is here: **/*.tpm");
  expect(stdout).not.toContain("\u001b");
});

test("context why names the line that decided, and the folder it matched", () => {
  using at = project();
  const args = ["docs/keep.md", "docs/deep/x.md", "src/app.ts", "node_modules/a"];
  const { stdout } = tsbuild(["context", "why", at.root, ...args], { home: at.home });
  expect(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/ {2,}/g, "  ")),
  ).toEqual([
    "SENT  FILE  DECIDED BY",
    "yes  docs/keep.md  .dockerignore:2 !docs/keep.md",
    "no  docs/deep/x.md  .dockerignore:1 docs, which matches docs",
    "yes  src/app.ts  no line of .dockerignore",
    "no  node_modules/a  .dockerignore:3 node_modules/, which matches node_modules",
  ]);
  const missing = runTsbuild(["context", "why", at.root, "nope"], { home: at.home });
  expect(missing.status).toBe(1);
  expect(missing.stderr).toContain("error[context/file-not-found]: there is no nope in");
});

test("a Dockerfile's own ignore file comes first", () => {
  using at = project();
  writeFileSync(join(at.root, "own.Dockerfile"), "FROM scratch\n");
  writeFileSync(join(at.root, "own.Dockerfile.dockerignore"), "*\n!src/app.ts\n");
  const { stdout } = tsbuild(["context", "ls", "-q", "-f", join(at.root, "own.Dockerfile"), at.root], {
    home: at.home,
  });
  expect(stdout).toBe("src/app.ts\n");
});
