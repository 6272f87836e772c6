import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { type ContextRequest, openContextSource } from "../../src/context/context-source.ts";
import { isArchive } from "../../src/context/sniff-context.ts";
import { clockAhead, makeFixture } from "./context-fixture.ts";

type Fixture = ReturnType<typeof makeFixture>;

/** One byte at a time at first, so that nothing may rely on how a stream is cut. */
async function* stream(bytes: string | Buffer) {
  const all = Buffer.from(bytes);
  for (let i = 0; i < Math.min(3, all.length); i++) yield all.subarray(i, i + 1);
  if (all.length > 3) yield all.subarray(3);
}

/** GNU tar in place of the extractor that the engine hands in. */
async function extractTar(archive: AsyncIterable<Uint8Array>, dir: string): Promise<void> {
  const pieces: Uint8Array[] = [];
  for await (const piece of archive) pieces.push(piece);
  const file = join(dir, "..", "received");
  writeFileSync(file, Buffer.concat(pieces));
  execFileSync("tar", ["-xf", file, "-C", dir]);
}

function request(fixture: Fixture, more: Partial<ContextRequest>): ContextRequest {
  const tempRoot = join(fixture.top, "temp");
  mkdirSync(tempRoot, { recursive: true });
  return { path: fixture.root, stdin: stream(""), extractTar, tempRoot, clock: clockAhead(), ...more };
}

function tarOf(fixture: Fixture): Buffer {
  return execFileSync("tar", ["-C", fixture.root, "-cf", "-", "."]);
}

describe("a folder", () => {
  test.each([
    { name: "Dockerfile", files: ["Dockerfile", "dockerfile"], given: undefined, expected: "Dockerfile" },
    {
      name: "dockerfile, where there is no other",
      files: ["dockerfile"],
      given: undefined,
      expected: "dockerfile",
    },
    { name: "the one -f names", files: ["Dockerfile", "x/a.df"], given: "x/a.df", expected: "x/a.df" },
  ])("gives $name", async ({ files, given, expected }) => {
    using fixture = makeFixture();
    for (const file of files) fixture.write(file, `# ${file}`);
    const dockerfile = given === undefined ? undefined : join(fixture.root, given);
    using source = await openContextSource(request(fixture, { dockerfile }));
    expect(source.dockerfile).toEqual({ name: dockerfile ?? expected, text: `# ${expected}` });
    expect(source).toMatchObject({ root: fixture.root, isTemporary: false });
  });

  test("takes a Dockerfile from outside and the ignore file beside it", async () => {
    using fixture = makeFixture();
    fixture.write(".dockerignore", "shared");
    const dockerfile = join(fixture.top, "other.df");
    writeFileSync(dockerfile, "FROM scratch");
    using before = await openContextSource(request(fixture, { dockerfile }));
    expect(before.ignore.file).toBe(".dockerignore");
    writeFileSync(`${dockerfile}.dockerignore`, "own");
    using after = await openContextSource(request(fixture, { dockerfile }));
    expect(after.ignore).toMatchObject({ file: "other.df.dockerignore", rules: [{ pattern: "own" }] });
  });

  test("reads the Dockerfile and the ignore file although they are ignored", async () => {
    using fixture = makeFixture();
    fixture.write("Dockerfile", "FROM scratch");
    fixture.write(".dockerignore", "Dockerfile\n.dockerignore");
    using source = await openContextSource(request(fixture, {}));
    expect(source.dockerfile.text).toBe("FROM scratch");
    expect(source.ignore.rules).toHaveLength(2);
  });

  test("takes the Dockerfile from standard input with -f -", async () => {
    using fixture = makeFixture();
    fixture.write(".dockerignore", "a");
    using source = await openContextSource(request(fixture, { dockerfile: "-", stdin: stream("FROM x") }));
    expect(source.dockerfile).toEqual({ name: "-", text: "FROM x" });
    expect(source.ignore.file).toBe(".dockerignore");
  });
});

describe("standard input", () => {
  test("that is no archive is a Dockerfile with nothing to copy", async () => {
    using fixture = makeFixture();
    const source = await openContextSource(request(fixture, { path: "-", stdin: stream("FROM scratch\n") }));
    expect(source.dockerfile).toEqual({ name: "-", text: "FROM scratch\n" });
    expect(readdirSync(source.root)).toEqual([]);
    source[Symbol.dispose]();
    expect(existsSync(source.root)).toBe(false);
  });

  test.each([
    { name: "plain", pack: (tar: Buffer) => tar },
    { name: "gzip", pack: gzipSync },
    { name: "zstd", pack: zstdCompressSync },
    { name: "bzip2", pack: (tar: Buffer) => execFileSync("bzip2", { input: tar }) },
    { name: "xz", pack: (tar: Buffer) => execFileSync("xz", { input: tar }) },
  ])("that is a $name archive is the context, and gone afterwards", async ({ pack }) => {
    using fixture = makeFixture();
    fixture.write("Dockerfile", "FROM scratch");
    fixture.write("sub/app.df", "FROM app");
    fixture.write("sub/app.df.dockerignore", "x");
    const archive = Buffer.from(pack(tarOf(fixture)));
    const stdin = stream(archive);
    const source = await openContextSource(request(fixture, { path: "-", dockerfile: "sub/app.df", stdin }));
    expect(source.dockerfile).toEqual({ name: "sub/app.df", text: "FROM app" });
    expect(source).toMatchObject({ isTemporary: true, ignore: { file: "app.df.dockerignore" } });
    expect(readdirSync(source.root).toSorted()).toEqual(["Dockerfile", "sub"]);
    source[Symbol.dispose]();
    expect(existsSync(source.root)).toBe(false);
  });

  test("an archive's symlinks never lead to a file of this machine", async () => {
    using fixture = makeFixture();
    writeFileSync(join(fixture.top, "secret"), "FROM secret");
    symlinkSync(join(fixture.top, "secret"), join(fixture.root, "Dockerfile"));
    const stdin = stream(tarOf(fixture));
    await expect(openContextSource(request(fixture, { path: "-", stdin }))).rejects.toMatchObject({
      code: "dockerfile/not-found",
    });
    expect(readdirSync(join(fixture.top, "temp")).filter((name) => name !== "received")).toEqual([]);
  });
});

describe("what goes wrong is said", () => {
  test.each([
    { name: "a missing context", more: { path: "/no/such/folder" }, code: "context/not-found" },
    { name: "no Dockerfile", more: {}, code: "dockerfile/not-found" },
    { name: "a Dockerfile that is a folder", more: { dockerfile: "/tmp" }, code: "dockerfile/not-found" },
    { name: "a missing Dockerfile", more: { dockerfile: "/no/such" }, code: "dockerfile/not-found" },
    { name: "both from standard input", more: { path: "-", dockerfile: "-" }, code: "cli/usage" },
    {
      name: "-f with no archive to look in",
      more: { path: "-", dockerfile: "x" },
      code: "dockerfile/not-found",
    },
  ])("$name is $code", async ({ more, code }) => {
    using fixture = makeFixture();
    await expect(openContextSource(request(fixture, more))).rejects.toMatchObject({ code });
  });

  test("a Dockerfile outside the archive is context/outside", async () => {
    using fixture = makeFixture();
    fixture.write("Dockerfile", "FROM scratch");
    const stdin = stream(tarOf(fixture));
    await expect(
      openContextSource(request(fixture, { path: "-", dockerfile: "../x", stdin })),
    ).rejects.toMatchObject({
      code: "context/outside",
    });
  });

  test("an archive given as a Dockerfile is refused before it is read whole", async () => {
    using fixture = makeFixture();
    const dockerfile = fixture.write("big", Buffer.alloc((16 << 20) + 1));
    await expect(openContextSource(request(fixture, { dockerfile }))).rejects.toMatchObject({
      code: "dockerfile/too-large",
    });
  });
});

test.each([
  { name: "nothing", head: Buffer.alloc(0), expected: false },
  { name: "a short text", head: Buffer.from("FROM x"), expected: false },
  { name: "a long text", head: Buffer.from("RUN echo 0000000 ".repeat(60)), expected: false },
  { name: "an archive with nothing in it", head: Buffer.alloc(1024), expected: true },
])("$name is told from an archive", ({ head, expected }) => {
  expect(isArchive(head)).toBe(expected);
});
