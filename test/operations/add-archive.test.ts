import { execFileSync } from "node:child_process";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { openProject, reasonsOf } from "../helpers/build-project.ts";
import { buildTar, dir, file, hardlink, type Member, symlink } from "../helpers/tar-builder.ts";

const small = buildTar(
  dir("d/", { mode: 0o750, uid: 3, gid: 4 }),
  file("d/f", "content", { mode: 0o4755, uid: 5 }),
);

/** Files of `ADD a /x/` over what `before` adds first. */
async function added(
  archive: Buffer | readonly Member[],
  { before = [], add = "a.tar /x/" }: { readonly before?: readonly Member[]; readonly add?: string } = {},
): Promise<readonly string[]> {
  await using project = await openProject({
    "a.tar": Buffer.isBuffer(archive) ? archive : buildTar(...(archive as Member[])),
    "before.tar": buildTar(dir("x/"), ...before),
    Dockerfile: `FROM scratch\nADD before.tar /\nADD ${add}\n`,
  });
  const { files } = await project.buildTwice();
  return files.filter((line) => !line.endsWith(" x"));
}

describe("ADD unpacks what is a tar, whatever its name and compression", () => {
  const unpacked = ["750 3:4 x/d", "4755 5:0 x/d/f"];
  test.each([
    { name: "plain", bytes: small },
    { name: "gzip", bytes: gzipSync(small) },
    { name: "zstd", bytes: zstdCompressSync(small) },
    { name: "bzip2", bytes: execFileSync("bzip2", ["-c"], { input: small }) },
    { name: "xz", bytes: execFileSync("xz", ["-c"], { input: small }) },
    { name: "without the zero blocks at its end", bytes: small.subarray(0, -1024) },
    { name: "with rubbish after its end", bytes: Buffer.concat([small, Buffer.from("rubbish")]) },
  ])("$name", async ({ bytes }) => {
    expect(await added(bytes)).toEqual(unpacked);
  });

  test.each([
    { name: "text", bytes: Buffer.from("not a tar") },
    { name: "gzip of text", bytes: gzipSync("not a tar") },
    { name: "damaged gzip", bytes: Buffer.concat([gzipSync(small).subarray(0, 12), Buffer.alloc(99)]) },
    { name: "nothing", bytes: Buffer.alloc(0) },
    { name: "a tar of nothing", bytes: Buffer.alloc(10_240) },
  ])("$name is copied as it is", async ({ bytes }) => {
    expect(await added(bytes)).toEqual(["644 0:0 x/a.tar"]);
  });

  test("not with --unpack=false, and with --unpack=true as without", async () => {
    expect(await added(small, { add: "--unpack=false a.tar /x/" })).toEqual(["644 0:0 x/a.tar"]);
    expect(await added(small, { add: "--unpack=true a.tar /x/" })).toEqual(unpacked);
  });

  test("--chown gives everything another owner, --chmod means nothing to an archive", async () => {
    const add = "--chown=7:8 --chmod=600 a.tar /x/";
    expect(await added(small, { add })).toEqual(["750 7:8 x/d", "4755 7:8 x/d/f"]);
  });
});

describe("an archive over what is there", () => {
  test.each([
    {
      name: "a directory keeps what is in it and takes the archive's facts",
      before: [dir("x/d/"), file("x/d/old", "")],
      archive: [dir("d/", { mode: 0o700 })],
      is: ["700 0:0 x/d", "644 0:0 x/d/old"],
    },
    {
      name: "a file takes the place of a whole directory",
      before: [dir("x/d/"), file("x/d/old", "")],
      archive: [file("d", "now a file")],
      is: ["644 0:0 x/d"],
    },
    {
      name: "a directory that a file stood in for is empty",
      before: [
        dir("x/d/"),
        file("x/d/old", ""),
        file("x/d/kept", "1"),
        dir("x/d/sub/"),
        file("x/d/sub/old", ""),
      ],
      archive: [file("d", ""), dir("d/"), file("d/kept", "2"), file("d/sub/new", "")],
      is: ["755 0:0 x/d", "644 0:0 x/d/kept", "755 0:0 x/d/sub", "644 0:0 x/d/sub/new"],
    },
    {
      name: "a symlink is replaced by a directory, not followed",
      before: [dir("x/real/"), symlink("x/d", "real")],
      archive: [dir("d/"), file("d/f", "")],
      is: ["755 0:0 x/d", "644 0:0 x/d/f", "755 0:0 x/real"],
    },
    {
      name: "a name leads through a symlink, which is resolved below the destination",
      before: [dir("etc/"), dir("x/etc/"), symlink("x/d", "/etc")],
      archive: [file("d/f", "")],
      is: ["755 0:0 etc", "777 0:0 x/d -> /etc", "755 0:0 x/etc", "644 0:0 x/etc/f"],
    },
    {
      name: "names that climb are clamped at the destination",
      before: [],
      archive: [file("../../up", ""), file("/abs", ""), file("a/../../b", "")],
      is: ["644 0:0 x/abs", "644 0:0 x/b", "644 0:0 x/up"],
    },
    {
      name: "a directory that is not listed is root's",
      before: [],
      archive: [file("p/q/f", "", { uid: 9 })],
      is: ["755 0:0 x/p", "755 0:0 x/p/q", "644 9:0 x/p/q/f"],
    },
    {
      name: "hard links are one inode with the facts of the last, whatever their order by name",
      before: [],
      archive: [
        file("z", "1", { mode: 0o600 }),
        { ...hardlink("a", "z"), mode: 0o640 },
        { ...hardlink("m", "a"), mode: 0o644 },
      ],
      is: ["644 0:0 x/a = x/m x/z", "644 0:0 x/m = x/a x/z", "644 0:0 x/z = x/a x/m"],
    },
    {
      name: "a hard link to a file that was there before",
      before: [file("x/old", "1")],
      archive: [{ ...hardlink("new", "old"), mode: 0o600 }],
      is: ["600 0:0 x/new = x/old", "600 0:0 x/old = x/new"],
    },
    {
      name: "a hard link whose first name is gone is a file",
      before: [],
      archive: [file("one", "1"), hardlink("two", "one"), file("one", "2")],
      is: ["644 0:0 x/one", "644 0:0 x/two"],
    },
    {
      name: "the later of two entries of one name wins",
      before: [],
      archive: [file("f", "1", { mode: 0o600 }), symlink("f", "gone")],
      is: ["777 0:0 x/f -> gone"],
    },
  ])("$name", async ({ before, archive, is }) => {
    expect(await added(archive, { before })).toEqual(is);
  });

  test("long names and capabilities come through, other xattrs do not", async () => {
    const long = `${"n".repeat(120)}/${"m".repeat(120)}`;
    const caps = Buffer.from("0100000200040000000000000000000000000000", "hex").toString("latin1");
    await using project = await openProject({
      "a.tar": buildTar(
        file("short", "x", {
          pax: { path: long, "SCHILY.xattr.security.capability": caps, "SCHILY.xattr.user.a": "b" },
        }),
      ),
      Dockerfile: "FROM scratch\nADD a.tar /\n",
    });
    const { entry } = await project.buildTwice();
    expect(entry(long)?.xattrs).toEqual({ "security.capability": caps });
  });
});

describe("an archive that cannot be unpacked fails the step", () => {
  test.each([
    { name: "cut off inside a file", bytes: small.subarray(0, 1026), code: "layer/bad-tar" },
    { name: "compressed data that breaks later", bytes: breakLater(), code: "layer/compression" },
    {
      name: "a hard link to nothing",
      bytes: buildTar(file("f", ""), hardlink("h", "nothing")),
      code: "layer/bad-tar",
    },
    {
      name: "a file in place of the destination",
      bytes: buildTar(file("d", ""), file("..", "x")),
      code: "layer/unsafe-entry",
    },
    {
      name: "a name below a link to nowhere",
      bytes: buildTar(symlink("l", "gone"), file("l/f", "")),
      code: "copy/not-a-directory",
    },
  ])("$name", async ({ bytes, code }) => {
    await using project = await openProject({ "a.tar": bytes, Dockerfile: "FROM scratch\nADD a.tar /x/\n" });
    await expect(project.build()).rejects.toMatchObject({ code, details: { at: { line: 2 } } });
    expect(await project.engine.shop.store.verify()).toEqual([]);
  });
});

test("a changed archive is a MISS that names it", async () => {
  await using project = await openProject({ "a.tar": small, Dockerfile: "FROM scratch\nADD a.tar /x/\n" });
  await project.buildTwice();
  project.write({ "a.tar": buildTar(file("other", "")) });
  expect(reasonsOf(await project.build())).toEqual(["file-content a.tar"]);
});

/** Random bytes do not compress: the second half is reached long after the first header. */
function breakLater(): Buffer {
  const noise = Buffer.from(Array.from({ length: 400_000 }, (_, i) => (i * 7919) ^ (i >> 3)));
  const bytes = gzipSync(buildTar(file("f", noise)), { level: 0 });
  bytes.fill(0xff, 200_000, 300_000);
  return bytes;
}
