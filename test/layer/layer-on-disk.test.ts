import { chmodSync, existsSync, lstatSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { FileFacts } from "../../src/core/file-tree.ts";
import { readXattrs } from "../../src/host/syscalls.ts";
import { ingestLayer, unpackArchive } from "../../src/layer/ingest.ts";
import { tocEntries } from "../../src/layer/toc.ts";
import { ingestMembers, isRoot, overlay, sha256 } from "../helpers/ingest-members.ts";
import { listDisk } from "../helpers/list-disk.ts";
import { buildTar, dir, file, hardlink, inPieces, symlink } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";

describe("whiteouts become overlayfs's own, and rows of the table", () => {
  test("a whiteout is a character device 0:0, an opaque directory has the xattr", async () => {
    const { disk, names } = await ingestMembers([
      dir("d/"),
      file("d/.wh.gone"),
      dir("o/"),
      file("o/.wh..wh..opq"),
      file("o/new", "x"),
    ]);
    expect(disk).toEqual(["d755 d", "c0:0 d/gone", "d755 o opaque", "f644 o/new x"]);
    expect(names).toEqual(["dir d", "whiteout d/gone", "dir o", "opaque o", "file o/new"]);
  });

  test.each([
    { name: "before its file", members: [file(".wh.f"), file("f", "new")] },
    { name: "after its file", members: [file("f", "new"), file(".wh.f")] },
  ])("a whiteout $name hides only what lies below the layer", async ({ members }) => {
    const { disk, names } = await ingestMembers(members);
    expect(disk).toEqual(["f644 f new"]);
    expect(names.toSorted()).toEqual(["file f", "whiteout f"]);
  });

  test.each([
    { name: "before", members: [file(".wh.d"), dir("d/"), file("d/f", "new")] },
    { name: "after", members: [dir("d/"), file("d/f", "new"), file(".wh.d")] },
    { name: "before, the directory unlisted,", members: [file(".wh.d"), file("d/f", "new")] },
  ])("a whiteout $name a directory of the same name makes it opaque", async ({ members }) => {
    expect((await ingestMembers(members)).disk).toEqual(["d755 d opaque", "f644 d/f new"]);
  });

  test("an opaque marker comes before its directory, and even without it", async () => {
    const { disk, names } = await ingestMembers([file("d/.wh..wh..opq"), file(".wh..wh..opq")]);
    expect(disk).toEqual(["d755 d opaque"]);
    expect(names).toEqual(["opaque d", "opaque "]);
  });

  test("through a symlinked directory a whiteout stays in the layer", async () => {
    const { disk, names } = await ingestMembers([symlink("d", "/etc"), file("d/.wh.passwd")]);
    expect(disk).toEqual(["l d -> /etc", "d755 etc", "c0:0 etc/passwd"]);
    expect(names).toEqual(["symlink d", "whiteout etc/passwd"]);
    expect(existsSync("/etc/passwd")).toBe(true);
  });

  test("aufs's own files mean nothing", async () => {
    const { disk, toc } = await ingestMembers([
      dir(".wh..wh.plnk/"),
      file(".wh..wh.plnk/1.2", "x"),
      file(".wh..wh.aufs"),
      file("f"),
    ]);
    expect([disk, toc.paths]).toEqual([["f644 f "], ["f"]]);
  });

  test("a tar's own device 0:0 is in the table and never on disk", async () => {
    const { disk, entries } = await ingestMembers([
      { name: "w", flag: "3", major: 0, minor: 0 },
      hardlink("h", "w"),
      file("f", "x"),
    ]);
    expect(disk).toEqual(["f644 f x"]);
    expect(entries).toMatchObject([
      { kind: "char", major: 0, minor: 0 },
      { kind: "hardlink", target: "w" },
      { path: "f" },
    ]);
  });

  test("in an ordinary archive .wh. means nothing", async () => {
    using temp = tempDir("ingest");
    const target = join(temp.path, "out");
    await unpackArchive(
      inPieces(gzipSync(buildTar(file(".wh.f", "x"), file("d/.wh..wh..opq", "y")))),
      target,
    );
    expect(listDisk(target)).toEqual(["f644 .wh.f x", "d755 d", "f644 d/.wh..wh..opq y"]);
  });
});

describe("facts on disk", () => {
  test("modes with set-id and sticky bits, whatever the umask; times of files, links and directories", async () => {
    using temp = tempDir("ingest");
    const tree = join(temp.path, "tree");
    const members = [
      dir("tmp/", { mode: 0o1777, mtime: 1000 }),
      file("tmp/su", "x", { mode: 0o4755, mtime: 2000, pax: { mtime: "2000.123456789" } }),
      { ...symlink("tmp/l", "x"), mtime: 3000 },
      dir("closed/", { mode: 0, mtime: 4000 }),
      file("closed/f", "x", { mode: 0, mtime: 5000 }),
    ];
    await ingestLayer(inPieces(buildTar(...members)), { tree: { dir: tree, overlay } });
    const facts = (path: string) => {
      const stat = lstatSync(join(tree, path), { bigint: true });
      return [(Number(stat.mode) & 0o7777).toString(8), stat.mtimeNs];
    };
    expect(facts("tmp")).toEqual(["1777", 1000n * 10n ** 9n]);
    expect(facts("tmp/su")).toEqual(["4755", 2000_123456789n]);
    expect(facts("tmp/l")[1]).toBe(3000n * 10n ** 9n);
    expect(facts("closed")).toEqual(["0", 4000n * 10n ** 9n]);
    // An ordinary user could not clean up after the test.
    if (!isRoot) chmodSync(join(tree, "closed"), 0o755);
  });

  test("a directory that is not listed takes what the layers below have, the root too", async () => {
    using temp = tempDir("ingest");
    const tree = join(temp.path, "tree");
    const below: FileFacts = {
      type: "dir",
      mode: 0o1777,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      size: 0,
      mtimeSeconds: 77,
      mtimeNanos: 0,
    };
    const lower = { facts: (path: string) => (path === "" || path === "tmp" ? below : undefined) };
    await ingestLayer(inPieces(buildTar(file("tmp/new/f", "x"))), { tree: { dir: tree, overlay }, lower });
    const modes = ["", "tmp", "tmp/new"].map((path) =>
      (statSync(join(tree, path)).mode & 0o7777).toString(8),
    );
    expect(modes).toEqual(["1777", "1777", "755"]);
    expect(statSync(join(tree, "tmp")).mtimeMs).toBe(77_000);
  });

  test("names of any bytes", async () => {
    const names = ["\xff\xfe", "new\nline", "-rf", "\x1b[31m", "\xc3\xbc", "u\xcc\x88"];
    const { disk, toc } = await ingestMembers(names.map((name) => file(name, "x")));
    expect(toc.paths.toSorted()).toEqual(names.toSorted());
    expect(disk).toHaveLength(names.length);
  });

  test("a full directory with names of any bytes gives way to a file", async () => {
    expect((await ingestMembers([file("d\xff/\xfe/f", "x"), file("d\xff", "y")])).disk).toEqual([
      "f644 d\xff y",
    ]);
  });

  test("sparse files have their holes", async () => {
    const pax = { "GNU.sparse.map": "1000000,3", "GNU.sparse.size": "2000000" };
    using temp = tempDir("ingest");
    const tree = join(temp.path, "tree");
    const { toc } = await ingestLayer(inPieces(buildTar(file("s", "mid", { pax }))), {
      tree: { dir: tree, overlay },
    });
    const stat = statSync(join(tree, "s"));
    expect(stat.size).toBe(2_000_000);
    expect(stat.blocks * 512).toBeLessThan(100_000);
    const whole = Buffer.alloc(2_000_000);
    whole.write("mid", 1_000_000);
    expect([...tocEntries(toc)]).toMatchObject([{ size: 2_000_000, digest: sha256(whole) }]);
    expect([...tocEntries(toc)][0]?.offset).toBeUndefined();
    expect(toc.sparse.get(0)).toEqual([1_000_000, 3, 1536]);
  });

  test("xattrs of layers are kept, those of the overlay and of this machine are not", async () => {
    const pax = {
      "SCHILY.xattr.user.kept": "\0\xff",
      "SCHILY.xattr.user.overlay.opaque": "y",
      "SCHILY.xattr.trusted.overlay.redirect": "/x",
      "SCHILY.xattr.security.selinux": "label",
    };
    const { entries, disk } = await ingestMembers([dir("d/", { pax })]);
    expect(entries[0]?.xattrs).toEqual({ "user.kept": "\0\xff" });
    expect(disk).toEqual(["d755 d"]);
  });

  test("a directory that is not empty is not unpacked into", async () => {
    using temp = tempDir("ingest");
    writeFileSync(join(temp.path, "mine"), "");
    const tree = { dir: temp.path, overlay } as const;
    await expect(ingestLayer(inPieces(buildTar(file("f"))), { tree })).rejects.toThrow(
      "not an empty directory",
    );
    expect(existsSync(join(temp.path, "mine"))).toBe(true);
  });

  test.runIf(isRoot)("owners, devices and capabilities, as root", async () => {
    using temp = tempDir("ingest");
    const tree = join(temp.path, "tree");
    const capability = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    const members = [
      file("f", "x", {
        uid: 1234,
        mode: 0o2755,
        pax: { gid: "3000000", "SCHILY.xattr.security.capability": capability },
      }),
      { name: "null", flag: "3", major: 1, minor: 3, mode: 0o666 },
      { name: "pipe", flag: "6", mode: 0o622, uid: 7 },
      dir("d/", { uid: 5, gid: 6 }),
      { ...symlink("l", "x"), uid: 8 },
    ];
    const layer = await ingestLayer(inPieces(buildTar(...members)), { tree: { dir: tree, overlay } });
    expect(layer.squashed).toBe(false);
    const owner = (path: string) => [lstatSync(join(tree, path)).uid, lstatSync(join(tree, path)).gid];
    expect([owner("f"), owner("pipe"), owner("d"), owner("l")]).toEqual([
      [1234, 3_000_000],
      [7, 0],
      [5, 6],
      [8, 0],
    ]);
    expect(listDisk(tree)).toEqual(["d755 d", "f2755 f x", "l l -> x", "c1:3 null", "p622 pipe"]);
    expect(readXattrs(Buffer.from(join(tree, "f")))).toEqual({ "security.capability": capability });
  });
});
