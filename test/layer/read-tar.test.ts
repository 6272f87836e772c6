import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { collectEntries } from "../helpers/collect-entries.ts";
import {
  buildTar,
  dir,
  encodeMember,
  file,
  hardlink,
  type Member,
  paxBody,
  symlink,
} from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const GNU_MAGIC = (block: Buffer) => block.write("ustar  \0", 257, 8, "latin1");

function archive(path: string, ...options: string[]): Buffer {
  const args = [
    "--sort=name",
    "--owner=root:5",
    "--group=staff:50",
    ...options,
    "-C",
    `${path}/in`,
    "-cf",
    `${path}/a.tar`,
  ];
  execFileSync("tar", [...args, "."], { env: { ...process.env, LC_ALL: "C" } });
  return readFileSync(`${path}/a.tar`);
}

const only = (...members: Member[]) => collectEntries(buildTar(...members));
const before1970 = (block: Buffer) => Buffer.alloc(12, 0xff).copy(block, 136);
const pax = (records: Record<string, string>) => buildTar(file("f", "", { pax: records }));
const sparse = (map: string, more: Record<string, string> = {}) =>
  buildTar(
    file("f", "x".repeat(512), {
      pax: {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.realsize": "2000",
        "GNU.sparse.map": map,
        ...more,
      },
    }),
  );

describe("archives of GNU tar", () => {
  const long = `${"long-directory-name/".repeat(9)}${"n".repeat(120)}`;

  test.each(["gnu", "oldgnu", "posix", "ustar", "v7"])(
    "%s: names, links, owners, times and content",
    (format) => {
      using temp = tempDir("read");
      mkdirSync(join(temp.path, "in"));
      const isShort = format === "ustar" || format === "v7";
      const path = isShort ? "short" : long;
      mkdirSync(join(temp.path, "in", path, ".."), { recursive: true });
      writeFileSync(join(temp.path, "in", path), "content");
      symlinkSync(isShort ? "short" : `${long}/target`, join(temp.path, "in/link"));
      utimesSync(join(temp.path, "in", path), 1_600_000_000, 1_600_000_000);
      for (const pieceSize of [1000, 512, 65_536]) {
        const entries = collectEntries(archive(temp.path, `--format=${format}`), pieceSize);
        const found = entries.find((entry) => entry.name === `./${path}`);
        expect(found).toMatchObject({ type: "file", uid: 5, gid: 50, size: 7, mtimeSeconds: 1_600_000_000 });
        expect(found?.bytes.toString()).toBe("content");
        expect(entries[0]).toMatchObject({ name: "./", type: "dir" });
        const link = entries.find((entry) => entry.name === "./link");
        expect(link).toMatchObject({ type: "symlink", linkName: isShort ? "short" : `${long}/target` });
      }
    },
  );

  test.each([
    { form: "GNU header", options: ["--format=gnu"] },
    { form: "PAX 0.0", options: ["--format=posix", "--sparse-version=0.0"] },
    { form: "PAX 0.1", options: ["--format=posix", "--sparse-version=0.1"] },
    { form: "PAX 1.0", options: ["--format=posix", "--sparse-version=1.0"] },
  ])("sparse files in the form of a $form are expanded", ({ options }) => {
    using temp = tempDir("sparse");
    mkdirSync(join(temp.path, "in"));
    const path = join(temp.path, "in/sparse");
    const fd = openSync(path, "w");
    // More pieces than one GNU header, and one extension block, can hold; a hole at the end.
    for (let i = 0; i < 40; i++) writeSync(fd, Buffer.from(`piece ${i}`), 0, 7, i * 200_000);
    ftruncateSync(fd, 9_000_000);
    closeSync(fd);
    const tar = archive(temp.path, "--sparse", ...options);
    expect(tar.length).toBeLessThan(1_000_000);
    const entry = collectEntries(tar, 1000).find((one) => one.name === "./sparse");
    expect(entry?.sparse?.length).toBeGreaterThan(60);
    expect(entry?.bytes.equals(readFileSync(path))).toBe(true);
  });

  test("xattrs come as the bytes they are", () => {
    using temp = tempDir("xattr");
    mkdirSync(join(temp.path, "in"));
    writeFileSync(join(temp.path, "in/f"), "x");
    execFileSync("setfattr", ["-n", "user.bytes", "-v", "0x00ff800a3d", join(temp.path, "in/f")]);
    const entries = collectEntries(archive(temp.path, "--format=posix", "--xattrs"));
    expect(entries.find((entry) => entry.name === "./f")?.xattrs).toEqual({
      "user.bytes": "\x00\xff\x80\n=",
    });
  });
});

describe("what other writers do is read as Go's archive/tar reads it", () => {
  test("numbers in base 256, negative times among them", () => {
    const uid = Buffer.from([0x80, 0, 0, 0, 0, 0x40, 0, 0]);
    expect(only(file("f", "", { uid, patch: before1970 }))).toMatchObject([
      { uid: 4_194_304, mtimeSeconds: -1 },
    ]);
  });

  test("a global header says nothing about the entries after it", () => {
    const global = { name: "g", flag: "g", content: paxBody({ path: "evil", comment: "0".repeat(40) }) };
    expect(only(global, file("real"))).toMatchObject([{ name: "real" }]);
  });

  test("links and directories carry no content, whatever their size says", () => {
    const sized = { ...hardlink("h", "f"), size: 3 };
    expect(only(sized, { ...dir("d/"), size: 999 }, file("f", "abc"))).toMatchObject([
      { name: "h", size: 0 },
      { name: "d/", size: 0 },
      { name: "f", size: 3 },
    ]);
  });

  test("a PAX size and name rule over the header's", () => {
    expect(only(file("a", "12345", { size: 0, pax: { size: "5", path: "b" } }))[0]).toMatchObject({
      name: "b",
      size: 5,
    });
  });

  test("an empty PAX value leaves the header's", () => {
    expect(only(file("a", "", { pax: { path: "" } }))[0]?.name).toBe("a");
  });

  test("GNU's long name rules over PAX", () => {
    const longName = { name: "././@LongLink", flag: "L", content: "long\0", patch: GNU_MAGIC };
    expect(collectEntries(buildTar(longName, file("x", "", { pax: { path: "pax" } })))[0]?.name).toBe("long");
  });

  test("before ustar a directory was a file whose name ends in a slash", () => {
    const entry = file("d/", "", { flag: "\0", patch: (block) => block.fill(0, 257) });
    expect(only(entry)[0]).toMatchObject({ type: "dir" });
  });

  test("file type bits in the mode are dropped", () => {
    expect(only(file("f", "", { mode: 0o104755 }))[0]?.mode).toBe(0o4755);
  });

  test("signed checksums of historic writers", () => {
    const name = "\xff\xfe";
    // Two bytes above 127 count 256 less each.
    expect(only(file(name, "", { checksumError: -512 }))[0]?.name).toBe(name);
  });

  test("a tar may end without its blocks of zeros, and anything may follow them", () => {
    const entry = encodeMember(file("f", "x"));
    expect(collectEntries(entry)).toHaveLength(1);
    expect(collectEntries(Buffer.concat([entry, Buffer.alloc(1024), Buffer.from("rubbish")]))).toHaveLength(
      1,
    );
    expect(collectEntries(Buffer.alloc(0))).toEqual([]);
  });

  test("an xattr called __proto__ is an xattr", () => {
    const xattrs = only(file("f", "", { pax: { "SCHILY.xattr.__proto__": "v" } }))[0]?.xattrs ?? {};
    expect(Object.entries(xattrs)).toEqual([["__proto__", "v"]]);
  });
});

describe("a broken tar is refused with layer/bad-tar", () => {
  const whole = buildTar(dir("d/"), file("d/f", "x".repeat(1000)), symlink("l", "d"));
  const huge = Buffer.concat([Buffer.from([0x80]), Buffer.alloc(7, 0xff)]);
  test.each([
    { name: "a wrong checksum", tar: buildTar(file("f", "", { checksumError: 1 })) },
    { name: "no tar at all", tar: Buffer.alloc(2048, "this is no tar\n") },
    { name: "cut in a header", tar: whole.subarray(0, 700) },
    { name: "cut in a file", tar: whole.subarray(0, 1600) },
    { name: "cut after an extended header", tar: pax({ path: "x" }).subarray(0, 1024) },
    {
      name: "the end right after an extended header",
      tar: buildTar({ name: "x", flag: "x", content: paxBody({ path: "x" }) }),
    },
    { name: "entries after one block of zeros", tar: Buffer.concat([Buffer.alloc(512), whole]) },
    { name: "letters in a number", tar: buildTar(file("f", "", { size: "00000zz\0" })) },
    { name: "a number beyond 2^53", tar: buildTar(file("f", "", { uid: huge })) },
    {
      name: "a negative size",
      tar: buildTar(file("f", "", { patch: (block) => Buffer.alloc(12, 0xff).copy(block, 124) })),
    },
    { name: "an unknown type", tar: buildTar(file("f", "", { flag: "M" })) },
    {
      name: "a PAX length that lies",
      tar: buildTar({ name: "x", flag: "x", content: "99 path=x\n" }, file("f")),
    },
    {
      name: "a PAX record without =",
      tar: buildTar({ name: "x", flag: "x", content: "8 path\n\n" }, file("f")),
    },
    { name: "a PAX name with a NUL", tar: pax({ path: "a\0b" }) },
    { name: "a PAX number that is none", tar: pax({ size: "0x10" }) },
    { name: "a PAX uid below zero", tar: pax({ uid: "-1" }) },
    { name: "an extended header of 2 MiB", tar: buildTar({ name: "x", flag: "x", size: 2 * 1024 * 1024 }) },
    { name: "sparse pieces that overlap", tar: sparse("0,300,200,212") },
    { name: "sparse pieces beyond the file", tar: sparse("1900,512") },
    { name: "sparse pieces that are not all stored", tar: sparse("0,100") },
    { name: "a sparse map with half a pair", tar: sparse("0,512,600") },
    { name: "a sparse file without a size", tar: sparse("0,512", { "GNU.sparse.realsize": "" }) },
  ])("$name", ({ tar }) => {
    for (const pieceSize of [tar.length, 100]) {
      expect(() => collectEntries(tar, pieceSize)).toThrow(
        expect.objectContaining({ code: "layer/bad-tar" }),
      );
    }
  });
});
