import { chmodSync, existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openProject, reasonsOf } from "../helpers/build-project.ts";
import { type GitServer, type ServedRepository, startGitServer } from "../helpers/git-server.ts";

const dockerfile = (add: string) => `FROM scratch\nADD ${add}\n`;
const FILES = { "README.md": "read me", "src/main.c": "main", "src/deep/er.c": "deeper" };
const names = (files: readonly string[]) => files.map((line) => line.split(" ").slice(2).join(" "));

describe("a repository that ADD fetches", () => {
  test("is root's, its files 644 or 755, its links links, and .git is not in it", async () => {
    await using server = await startGitServer();
    const repository = server.create("x", FILES);
    writeFileSync(join(repository.path, "run.sh"), "");
    chmodSync(join(repository.path, "run.sh"), 0o700);
    symlinkSync("/etc/passwd", join(repository.path, "link"));
    repository.commit({});
    await using project = await openProject({ Dockerfile: dockerfile(`${repository.url} /x/`) });
    const mask = process.umask(0o077);
    try {
      expect((await project.buildTwice()).files).toEqual([
        "755 0:0 x",
        "777 0:0 x/link -> /etc/passwd",
        "644 0:0 x/README.md",
        "755 0:0 x/run.sh",
        "755 0:0 x/src",
        "755 0:0 x/src/deep",
        "644 0:0 x/src/deep/er.c",
        "644 0:0 x/src/main.c",
      ]);
    } finally {
      process.umask(mask);
    }
  });

  test("takes --chown, --chmod, --exclude and --link as COPY does", async () => {
    await using server = await startGitServer();
    const { url } = server.create("x", FILES);
    await using project = await openProject({
      Dockerfile: dockerfile(`--link --chown=7:8 --chmod=750 --exclude=src/deep ${url} /x`),
    });
    expect((await project.buildTwice()).files).toEqual([
      "750 7:8 x",
      "750 7:8 x/README.md",
      "750 7:8 x/src",
      "750 7:8 x/src/main.c",
    ]);
  });

  test("has the times of its commit where it is asked for them", async () => {
    await using server = await startGitServer();
    const { url } = server.create("x", FILES);
    await using project = await openProject({ Dockerfile: dockerfile(`${url}?mtime=commit /`) });
    expect((await project.buildTwice()).entry("src/main.c")?.mtime).toBe(1_000_000_000);
  });
});

describe("what of a repository is fetched", () => {
  let server: GitServer;
  let shared: ServedRepository;
  let first: string;
  beforeAll(async () => {
    server = await startGitServer();
    shared = server.create("x", { first: "" });
    first = shared.git("rev-parse", "HEAD");
    for (const name of ["dev", "a/b", "both", "main"]) {
      shared.git("checkout", "--quiet", "-B", name, first);
      shared.git("rm", "--quiet", "first");
      shared.commit({ [`on ${name.replace("/", "-")}`]: "", ...(name === "dev" ? FILES : {}) });
    }
    shared.git("tag", "--annotate", "--message=v", "v1", "dev");
    shared.git("tag", "both", "main");
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each([
    { name: "the default branch", at: "", is: ["on main"] },
    { name: "a branch", at: "#dev", is: ["on dev"] },
    { name: "a branch by its whole name", at: "#refs/heads/dev", is: ["on dev"] },
    { name: "a branch with a slash in its name", at: "#a/b", is: ["on a-b"] },
    { name: "a branch by a query", at: "?branch=dev", is: ["on dev"] },
    { name: "a branch before a tag of its name", at: "#both", is: ["on both"] },
    { name: "that tag, by a query", at: "?tag=both", is: ["on main"] },
    { name: "an annotated tag", at: "#v1", is: ["on dev"] },
    { name: "a commit that no branch ends in", at: "#FIRST", is: ["first"] },
    { name: "a folder", at: "#dev:src/deep", is: ["er.c"] },
    { name: "a folder by a query", at: "?subdir=/src/&ref=dev", is: ["deep", "deep/er.c", "main.c"] },
  ])("$name", async ({ at, is }) => {
    await using project = await openProject({
      Dockerfile: dockerfile(`${shared.url}${at.replace("FIRST", first)} /`),
    });
    const built = names((await project.buildTwice()).files);
    const isShown = (name: string) => at.includes("src") || name.startsWith("on ") || name === "first";
    expect(built.filter(isShown)).toEqual(is);
  });

  test("submodules come with it, unless they are left out; those that are folders of this machine never do", async () => {
    const part = server.create("part", { inside: "" });
    const whole = server.create("whole", FILES);
    whole.git("submodule", "--quiet", "add", part.path, "part");
    whole.git("config", "--file=.gitmodules", "submodule.part.url", part.url);
    whole.commit({});
    await using project = await openProject({ Dockerfile: dockerfile(`${whole.url}#:part /`) });
    expect(names((await project.buildTwice()).files)).toEqual(["inside"]);
    project.write({ Dockerfile: dockerfile(`${whole.url}?submodules=false /x`) });
    expect(names((await project.buildTwice()).files)).toContain("x/part");
    expect(names((await project.buildTwice()).files)).not.toContain("x/part/inside");
    whole.git("submodule", "--quiet", "add", part.path, "local");
    whole.commit({});
    project.write({ Dockerfile: dockerfile(`${whole.url} /y`) });
    await expect(project.build()).rejects.toMatchObject({ code: "remote/denied" });
  });

  test("--keep-git-dir keeps a .git that git can read, with nothing of this machine in it", async () => {
    const repository = server.create("kept", FILES);
    await using project = await openProject({
      Dockerfile: dockerfile(`--keep-git-dir=true ${repository.url} /`),
    });
    const built = await project.buildTwice();
    expect(built.entry(".git/HEAD")?.content.toString().trim()).toBe(repository.git("rev-parse", "HEAD"));
    expect(built.entry(".git/refs/heads/main")?.content.toString().trim()).toBe(
      repository.git("rev-parse", "HEAD"),
    );
    expect(built.entry(".git/config")?.content.toString()).toContain(`url = ${repository.url}`);
    expect(names(built.files).filter((name) => /hooks|FETCH_HEAD/.test(name))).toEqual([]);
  });
});

describe("the commit is what a step is known by", () => {
  test("a moved branch is a MISS that names it, a branch that others moved beside a HIT", async () => {
    await using server = await startGitServer();
    const repository = server.create("x", FILES);
    const before = repository.git("rev-parse", "HEAD");
    await using project = await openProject({ Dockerfile: dockerfile(`${repository.url}#main /`) });
    await project.buildTwice();
    repository.git("branch", "other");
    expect(reasonsOf(await project.build())).toEqual([]);
    const after = repository.commit({ new: "" });
    const moved = await project.build();
    const [row] = (await project.engine.explain(moved.id)).steps.filter(({ changes }) => changes.length > 0);
    expect(row?.changes).toEqual([
      { kind: "file-content", subject: `${repository.url}#main`, old: before, new: after },
    ]);
    expect(names(moved.files)).toContain("new");
  });

  test("a whole commit is not asked for again, and --checksum refuses another", async () => {
    await using server = await startGitServer();
    const repository = server.create("x", FILES);
    const commit = repository.git("rev-parse", "HEAD");
    await using project = await openProject({
      Dockerfile: dockerfile(`--checksum=${commit.slice(0, 12)} ${repository.url}#${commit} /`),
    });
    await project.build();
    const asked = server.authorizations.length;
    await project.buildTwice();
    expect(server.authorizations.length).toBe(asked);
    project.write({ Dockerfile: dockerfile(`--checksum=${commit} ${repository.url}#main /`) });
    await project.buildTwice();
    repository.commit({ new: "" });
    await expect(project.build()).rejects.toMatchObject({
      code: "remote/checksum-mismatch",
      details: { at: { line: 2 } },
    });
  });
});

describe("an address cannot make git do anything else", () => {
  let server: GitServer;
  let repository: ServedRepository;
  beforeAll(async () => {
    server = await startGitServer();
    repository = server.create("x", FILES);
    symlinkSync("/etc", join(repository.path, "out"));
    repository.commit({});
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each([
    { name: "an option as a ref", at: "#--upload-pack=touch${IFS}MARK", code: "remote/bad-address" },
    { name: "an option as a branch", at: "?ref=--output=MARK", code: "remote/bad-address" },
    { name: "a refspec", at: "#main:../..;+x", code: "remote/not-found" },
    { name: "a ref with a colon by a query", at: "?ref=a:b", code: "remote/bad-address" },
    { name: "a question that is unknown", at: "?depth=1", code: "remote/bad-address" },
    { name: "two refs", at: "?ref=a#b", code: "remote/bad-address" },
    { name: "no such ref", at: "#gone", code: "remote/not-found" },
    { name: "no such folder", at: "#main:gone", code: "remote/not-found" },
    { name: "a folder through a link", at: "#main:out", code: "remote/not-found" },
  ])("$name is $code", async ({ at, code }) => {
    await using project = await openProject({});
    project.write({
      Dockerfile: `FROM scratch\nADD ["${repository.url}${at.replace("MARK", join(project.home, "mark"))}", "/"]\n`,
    });
    await expect(project.build()).rejects.toMatchObject({ code, details: { at: { line: 2 } } });
    expect(existsSync(join(project.home, "mark"))).toBe(false);
  });

  test("neither hooks nor configuration of the person run", async () => {
    await using project = await openProject({ Dockerfile: dockerfile(`${repository.url}#main:src /`) });
    const mark = join(project.path, "mark");
    const config = `[core]\n\tfsmonitor = "touch ${mark}"\n[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://\n`;
    project.write({ "home/.gitconfig": config });
    const saved = { HOME: process.env["HOME"], GIT_CONFIG_GLOBAL: process.env["GIT_CONFIG_GLOBAL"] };
    Object.assign(process.env, {
      HOME: join(project.path, "home"),
      GIT_CONFIG_GLOBAL: join(project.path, "home/.gitconfig"),
    });
    try {
      await project.buildTwice();
    } finally {
      for (const [name, value] of Object.entries(saved)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
    expect(readdirSync(project.path)).not.toContain("mark");
  });
});

test("credentials reach the host that they are written for, and nothing else", async () => {
  await using server = await startGitServer();
  const { url } = server.create("x", FILES);
  const basic = `Basic ${btoa("someone:s3cret")}`;
  server.require(basic);
  await using project = await openProject({ Dockerfile: dockerfile(`--keep-git-dir ${url} /`) });
  await expect(project.build()).rejects.toMatchObject({ code: "remote/denied" });
  project.write({ Dockerfile: dockerfile(`--keep-git-dir ${url.replace("://", "://someone:s3cret@")} /`) });
  const built = await project.buildTwice();
  expect(server.authorizations).toContain(basic);
  expect(JSON.stringify(built)).not.toContain("s3cret");
  expect(
    built.files.filter((line) => built.entry(line.split(" ")[2] ?? "")?.content.includes("s3cret")),
  ).toEqual([]);
});
