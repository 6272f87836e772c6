import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ingestLayer } from "../../src/layer/ingest.ts";
import { ingestMembers, overlay, sha256 } from "../helpers/ingest-members.ts";
import { listDisk } from "../helpers/list-disk.ts";
import { buildTar, dir, encodeMember, file, hardlink, inPieces, symlink } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";

describe("names that lead out of the layer", () => {
  test.each([
    { name: "..", members: [file("../outside", "x")] },
    { name: ".. after a directory", members: [file("a/../../outside", "x")] },
    { name: ".. in a PAX name", members: [file("ok", "x", { pax: { path: "../outside" } })] },
    { name: "a hard link to a file outside", members: [hardlink("h", "../../etc/passwd")] },
    { name: "a whiteout of the directory above", members: [file("d/.wh...")] },
    { name: "a whiteout of its own directory", members: [file("d/.wh..")] },
    { name: "a whiteout of nothing", members: [file("d/.wh.")] },
    { name: "a file below a whiteout", members: [file(".wh.d/f", "x")] },
    { name: "the root as a file", members: [file("./", "x")] },
    { name: "the root as a symlink", members: [symlink(".", "/etc")] },
    { name: "a loop of symlinks", members: [symlink("a", "b"), symlink("b", "a"), file("a/f", "x")] },
    { name: "a file below a file", members: [file("f", "x"), file("f/g", "y")] },
    { name: "a name of 300 bytes", members: [file("n", "x", { pax: { path: "n".repeat(300) } })] },
    { name: "a path of 5,000 bytes", members: [file("n", "x", { pax: { path: "abcd/".repeat(1000) } })] },
    { name: "a symlink to nothing", members: [symlink("s", "")] },
    { name: "a hard link to what it replaces", members: [dir("d/"), file("d/f", "x"), hardlink("d", "d/f")] },
  ])("$name: refused", async ({ members }) => {
    await expect(ingestMembers(members)).rejects.toMatchObject({ code: "layer/unsafe-entry" });
    await expect(ingestLayer(inPieces(buildTar(...members)), {})).rejects.toMatchObject({
      code: "layer/unsafe-entry",
    });
  });

  test.each([
    {
      name: "absolute names start at the layer's root",
      members: [file("/etc/passwd", "x")],
      disk: ["d755 etc", "f644 etc/passwd x"],
    },
    { name: ".. that stays inside", members: [dir("a/"), file("a/../b", "x")], disk: ["d755 a", "f644 b x"] },
    { name: "/.. is /", members: [file("/../../b", "x")], disk: ["f644 b x"] },
    { name: "doubled slashes and dots", members: [file("a//./b", "x")], disk: ["d755 a", "f644 a/b x"] },
  ])("$name", async ({ members, disk }) => {
    expect((await ingestMembers(members)).disk).toEqual(disk);
  });
});

describe("symlinks", () => {
  test.each(["/", "/outside", "../../..", "../../outside"])(
    "a file written through a link to %s stays inside",
    async (target) => {
      using temp = tempDir("ingest");
      mkdirSync(join(temp.path, "outside"));
      const tree = { dir: join(temp.path, "deep/tree"), overlay } as const;
      const tar = buildTar(symlink("link", target), file("link/pwned", "x"), file("link/sub/pwned", "y"));
      const { toc } = await ingestLayer(inPieces(tar), { tree });
      const place = target.endsWith("outside") ? "outside/" : "";
      expect(toc.paths).toEqual(["link", `${place}pwned`, `${place}sub/pwned`]);
      expect(listDisk(tree.dir)).toContain(`f644 ${place}pwned x`);
      expect(readdirSync(join(temp.path, "outside"))).toEqual([]);
      expect(readdirSync(temp.path).toSorted()).toEqual(["deep", "outside"]);
    },
  );

  test("to the real machine: an absolute link target is never followed there", async () => {
    using temp = tempDir("ingest");
    mkdirSync(join(temp.path, "victim"));
    const members = [
      symlink("v", join(temp.path, "victim")),
      file("v/f", "x"),
      file(".wh.v", ""),
      hardlink("h", "v/f"),
    ];
    const { disk } = await ingestMembers(members);
    expect(readdirSync(join(temp.path, "victim"))).toEqual([]);
    expect(disk).toContain(`f644 h x`);
  });

  test("a link, and then a directory in its place, with a file in it", async () => {
    using temp = tempDir("ingest");
    mkdirSync(join(temp.path, "victim"));
    const { disk } = await ingestMembers([
      symlink("d", join(temp.path, "victim")),
      dir("d/"),
      file("d/f", "x"),
    ]);
    expect(disk).toEqual(["d755 d", "f644 d/f x"]);
    expect(readdirSync(join(temp.path, "victim"))).toEqual([]);
  });

  test("a directory, and then a link in its place", async () => {
    const { disk, names } = await ingestMembers([
      dir("d/"),
      file("d/f", "x"),
      symlink("d", "/etc"),
      file("d/g", "y"),
    ]);
    expect(disk).toEqual(["l d -> /etc", "d755 etc", "f644 etc/g y"]);
    expect(names).toEqual(["symlink d", "file etc/g"]);
  });

  test("a hard link to a symlink does not follow it", async () => {
    const { disk } = await ingestMembers([symlink("s", "/etc/passwd"), hardlink("h", "s")]);
    expect(disk).toEqual(["l h -> /etc/passwd", "l s -> /etc/passwd"]);
  });

  test("targets are kept as they are, wherever they point (kaniko's over-strict check broke such images)", async () => {
    const target = "../../../../../../etc/pki/java/cacerts";
    const { entries, disk } = await ingestMembers([
      symlink("usr/lib/jvm/cacerts", target),
      symlink("dev/fd", "/proc/self/fd"),
    ]);
    expect(entries.map((entry) => entry.target)).toEqual([target, "/proc/self/fd"]);
    expect(disk).toContain(`l usr/lib/jvm/cacerts -> ${target}`);
  });

  test("an existing bin/sh -> dash is overwritten, not written through", async () => {
    const members = [dir("bin/"), file("bin/dash", "real"), symlink("bin/sh", "dash"), file("bin/sh", "new")];
    expect((await ingestMembers(members)).disk).toEqual([
      "d755 bin",
      "f644 bin/dash real",
      "f644 bin/sh new",
    ]);
  });

  test("a merged /usr: files below bin land in usr/bin, where this layer has the link", async () => {
    const { names } = await ingestMembers([
      symlink("bin", "usr/bin"),
      file("bin/tool", "x"),
      hardlink("tool2", "bin/tool"),
    ]);
    expect(names).toEqual(["symlink bin", "file usr/bin/tool", "hardlink tool2"]);
  });
});

describe("entries of the same name: the last one wins", () => {
  test("in the table and on disk, with its own content", async () => {
    const { disk, entries, toc } = await ingestMembers([
      file("f", "one"),
      file("g", "x"),
      file("f", "three", { mode: 0o600 }),
    ]);
    expect(disk).toEqual(["f600 f three", "f644 g x"]);
    expect(toc.paths).toEqual(["g", "f"]);
    expect(entries[1]?.digest).toBe(sha256(Buffer.from("three")));
  });

  test("a directory again: new facts, same children", async () => {
    const { disk, names } = await ingestMembers([dir("d/"), file("d/f", "x"), dir("d/", { mode: 0o700 })]);
    expect(disk).toEqual(["d700 d", "f644 d/f x"]);
    expect(names).toEqual(["file d/f", "dir d"]);
  });

  test("a file in the place of a full directory", async () => {
    const members = [dir("d/"), dir("d/e/"), file("d/e/f", "x"), file("d", "now a file")];
    expect(await ingestMembers(members)).toMatchObject({ disk: ["f644 d now a file"], names: ["file d"] });
  });

  test("hard links survive the first name: the next one has the content", async () => {
    const members = [file("a", "old"), hardlink("b", "a"), hardlink("c", "a"), file("a", "new")];
    const { disk, entries } = await ingestMembers(members);
    expect(disk).toEqual(["f644 a new", "f644 b old", "f644 c old"]);
    expect(entries).toMatchObject([
      { path: "b", kind: "file", digest: sha256(Buffer.from("old")) },
      { path: "c", kind: "hardlink", target: "b" },
      { path: "a", kind: "file", digest: sha256(Buffer.from("new")) },
    ]);
  });

  test("a hard link's own header sets the facts of the file, as with Docker", async () => {
    const { disk, entries } = await ingestMembers([
      file("a", "x"),
      { ...hardlink("b", "a"), mode: 0o600, mtime: 5 },
    ]);
    expect(disk).toEqual(["f600 a x", "f600 b x"]);
    expect(entries).toMatchObject([
      { mode: 0o600, mtimeSeconds: 5 },
      { mode: 0o600, mtimeSeconds: 5 },
    ]);
  });

  test("a hard link to itself changes nothing", async () => {
    expect((await ingestMembers([file("a", "x"), hardlink("a", "a")])).disk).toEqual(["f644 a x"]);
  });

  test.each([
    { name: "a file of a lower layer", members: [hardlink("h", "etc/passwd")] },
    { name: "a file that comes later", members: [hardlink("h", "f"), file("f", "x")] },
    { name: "a directory", members: [dir("d/"), hardlink("h", "d")] },
    { name: "a whiteout", members: [file(".wh.w"), hardlink("h", "w")] },
  ])("a hard link to $name: layer/bad-tar", async ({ members }) => {
    await expect(ingestMembers(members)).rejects.toMatchObject({ code: "layer/bad-tar" });
  });
});

describe("names that some file systems take for one are two", () => {
  test.each([
    { name: "composed and decomposed", names: ["caf\xc3\xa9", "cafe\xcc\x81"] },
    { name: "a ligature and its letters", names: ["\xef\xac\x81le", "file"] },
    { name: "upper and lower case", names: ["CASE", "case"] },
    { name: "a backslash and a slash", names: ["a\\b", "a/b"] },
    { name: "a trailing dot or blank", names: ["f", "f.", "f "] },
    { name: "a line end", names: ["a\nb", "a"] },
    { name: "bytes that are not UTF-8", names: ["\xff", "\xfe"] },
  ])("$name", async ({ names }) => {
    const { toc, disk } = await ingestMembers(names.map((name) => file(name, name)));
    expect(toc.paths).toEqual(names);
    expect(disk.filter((line) => line.startsWith("f"))).toHaveLength(names.length);
  });

  // A link in the place of a folder, met under the folder's other spelling (node-tar, CVE-2021-37701 and 37712).
  test("a link under one spelling is not followed under another", async () => {
    using temp = tempDir("ingest");
    mkdirSync(join(temp.path, "victim"));
    const members = [
      dir("caf\xc3\xa9/"),
      symlink("cafe\xcc\x81", join(temp.path, "victim")),
      file("caf\xc3\xa9/f", "x"),
    ];
    expect((await ingestMembers(members)).names).toContain("file caf\xc3\xa9/f");
    expect(readdirSync(join(temp.path, "victim"))).toEqual([]);
  });
});

test("100,000 entries, half of them another one's name", async () => {
  const members = Array.from({ length: 50_000 }, (_, i) => encodeMember(file(`d${i % 100}/f${i}`)));
  const tar = Buffer.concat([...members, ...members, Buffer.alloc(1024)]);
  const { toc } = await ingestLayer(inPieces(tar, 1 << 17), {});
  expect(toc.paths).toHaveLength(50_000);
});
