import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { extract } from "tar-stream";
import { describe, expect, test } from "vitest";
import { encodePath } from "../../src/core/byte-path.ts";
import { requireDigest } from "../../src/core/digest.ts";
import type { PackEntry } from "../../src/core/ports.ts";
import { packLayer } from "../../src/layer/pack.ts";
import { tocEntries } from "../../src/layer/toc.ts";
import { memoryWriter } from "../helpers/memory-writer.ts";
import { readTar } from "../helpers/tar-reader.ts";
import { tempDir } from "../helpers/temp-dir.ts";

type Facts = Partial<PackEntry["entry"]>;

const facts = { mode: 0o644, uid: 0, gid: 0, size: 0, mtimeSeconds: 1_700_000_000, mtimeNanos: 0 };
const dir = (path: string, more: Facts = {}): PackEntry => ({
  entry: { ...facts, kind: "dir", mode: 0o755, path: encodePath(path), ...more },
});
const file = (path: string, content: string | Buffer, more: Facts = {}): PackEntry => {
  const bytes = Buffer.from(content);
  return {
    entry: { ...facts, kind: "file", path: encodePath(path), size: bytes.length, ...more },
    content: () => [bytes],
  };
};
const other = (path: string, kind: PackEntry["entry"]["kind"], more: Facts = {}): PackEntry => ({
  entry: { ...facts, kind, path: encodePath(path), ...more },
});

async function pack(...entries: PackEntry[]) {
  const writer = memoryWriter();
  const packed = await packLayer(entries, writer);
  return { ...packed, tar: writer.bytes() };
}

describe("sizes that the Docker lesson shows", () => {
  test("a lone directory is 1,536 bytes: one header, two blocks of zeros", async () => {
    const { tar, size } = await pack(dir("app"));
    expect([size, tar.length]).toEqual([1536, 1536]);
    expect(readTar(tar).map((entry) => entry.path)).toEqual(["app/"]);
  });

  test("a directory and three small files are 4,608 bytes", async () => {
    const small = ["Dockerfile", "README.md", "app.py"].map((name, i) =>
      file(`app/${name}`, "x".repeat(512 - i)),
    );
    const { tar, size } = await pack(dir("app"), ...small);
    expect([size, tar.length]).toEqual([4608, 4608]);
    expect(readTar(tar).map((entry) => entry.path)).toEqual([
      "app/",
      "app/Dockerfile",
      "app/README.md",
      "app/app.py",
    ]);
  });

  test("a fraction of a second costs a PAX header", async () => {
    expect((await pack(dir("app", { mtimeNanos: 5 }))).size).toBe(2560);
  });
});

const entries = () => [
  dir("a"),
  file("a/f", "hello", { xattrs: { "user.b": "\0\xff", "user.a": "1" } }),
  other("a/g", "hardlink", { target: "a/f" }),
  other("gone", "whiteout"),
];

test("packing the same entries twice gives the same bytes", async () => {
  const [first, second] = [await pack(...entries()), await pack(...entries())];
  expect(second.tar.equals(first.tar)).toBe(true);
  expect(second.diffId).toBe(first.diffId);
});

test("the table of contents says where each file's bytes are, and their digest", async () => {
  const { tar, toc } = await pack(dir("a"), file("a/one", "first"), file(`a/${"n".repeat(300)}`, "second"));
  const files = [...tocEntries(toc)].filter((entry) => entry.kind === "file");
  expect(files.map(({ offset = 0, size }) => tar.toString("latin1", offset, offset + size))).toEqual([
    "first",
    "second",
  ]);
  expect(files[0]?.digest).toBe("sha256:a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e");
});

test("whiteouts and opaque markers are empty files of reserved names, beside what they hide", async () => {
  const { tar } = await pack(
    dir("d"),
    other("d/gone", "whiteout"),
    other("d", "opaque"),
    other("top", "whiteout"),
  );
  const names = readTar(tar).map(({ path, type, size }) => ({ path, type, size }));
  expect(names).toEqual([
    { path: "d/", type: "5", size: 0 },
    { path: "d/.wh.gone", type: "0", size: 0 },
    { path: "d/.wh..wh..opq", type: "0", size: 0 },
    { path: ".wh.top", type: "0", size: 0 },
  ]);
});

test("sockets are left out, as Docker leaves them out", async () => {
  expect((await pack(other("run/s", "socket"), dir("x"))).toc.paths).toEqual(["x"]);
});

describe("what cannot be packed is refused, and the blob is not committed", () => {
  test.each([
    { name: "a file called like a whiteout", entry: file("a/.wh.x", ""), code: "copy/whiteout-name" },
    { name: "a directory called like a whiteout", entry: dir(".wh.d"), code: "copy/whiteout-name" },
    { name: "a file that shrank", entry: file("f", "abc", { size: 4 }), code: "context/changed" },
    { name: "a file that grew", entry: file("f", "abc", { size: 2 }), code: "context/changed" },
    {
      name: "a file whose bytes are not those that were keyed",
      entry: { ...file("f", "abc"), digest: requireDigest(`sha256:${"0".repeat(64)}`) },
      code: "context/changed",
    },
    {
      name: "an xattr that a tar cannot name",
      entry: file("f", "", { xattrs: { "user.a=b": "1" } }),
      code: "layer/bad-tar",
    },
  ])("$name", async ({ entry, code }) => {
    const writer = memoryWriter();
    await expect(packLayer([entry], writer)).rejects.toMatchObject({ code });
    expect(writer.committed).toBe(false);
  });
});

test("a cancelled pack stops within one file", async () => {
  const stop = new AbortController();
  function* endless(): Generator<Buffer> {
    for (let i = 0; ; i++) {
      if (i === 100) stop.abort();
      yield Buffer.alloc(1024 * 1024);
    }
  }
  const entry: PackEntry = { entry: { ...file("f", "").entry, size: 2 ** 40 }, content: endless };
  const writer = { ...memoryWriter(), write: () => undefined };
  await expect(packLayer([entry], writer, { signal: stop.signal })).rejects.toThrow("aborted");
});

test("other readers see what was written: GNU tar and tar-stream", async () => {
  using temp = tempDir("pack");
  const long = `${"d".repeat(90)}/${"e".repeat(120)}`;
  const { tar } = await pack(
    dir("a", { mode: 0o1777 }),
    file("a/f", "hello\n", { mode: 0o4755, uid: 1000, gid: 3_000_000 }),
    other("a/hard", "hardlink", { target: "a/f" }),
    other("a/link", "symlink", { target: "../x", mode: 0o777 }),
    other("a/null", "char", { major: 1, minor: 3 }),
    other("a/pipe", "fifo"),
    dir("d".repeat(90)),
    file(long, "long"),
    file("ünïcode", "u"),
  );
  const path = join(temp.path, "layer.tar");
  writeFileSync(path, tar);
  const listed = execFileSync("tar", ["--numeric-owner", "--quoting-style=literal", "-tvf", path], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C.UTF-8", TZ: "UTC" },
  });
  expect(listed.split("\n").map((line) => line.replace(/ +/g, " "))).toEqual([
    "drwxrwxrwt 0/0 0 2023-11-14 22:13 a/",
    "-rwsr-xr-x 1000/3000000 6 2023-11-14 22:13 a/f",
    "hrw-r--r-- 0/0 0 2023-11-14 22:13 a/hard link to a/f",
    "lrwxrwxrwx 0/0 0 2023-11-14 22:13 a/link -> ../x",
    "crw-r--r-- 0/0 1,3 2023-11-14 22:13 a/null",
    "prw-r--r-- 0/0 0 2023-11-14 22:13 a/pipe",
    `drwxr-xr-x 0/0 0 2023-11-14 22:13 ${"d".repeat(90)}/`,
    `-rw-r--r-- 0/0 4 2023-11-14 22:13 ${long}`,
    "-rw-r--r-- 0/0 1 2023-11-14 22:13 ünïcode",
    "",
  ]);
  expect(await namesByTarStream(tar)).toContain(long);
});

async function namesByTarStream(tar: Buffer): Promise<string[]> {
  const reader = extract();
  reader.end(tar);
  const names: string[] = [];
  for await (const entry of reader) {
    names.push(entry.header.name);
    entry.resume();
  }
  return names;
}

test("GNU tar restores xattrs byte for byte", async () => {
  using temp = tempDir("pack");
  const value = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("");
  const { tar } = await pack(file("f", "x", { xattrs: { "user.bytes": value } }));
  writeFileSync(join(temp.path, "layer.tar"), tar);
  mkdirSync(join(temp.path, "out"));
  execFileSync("tar", ["--xattrs", "--no-same-owner", "-xf", "../layer.tar"], {
    cwd: join(temp.path, "out"),
  });
  const read = execFileSync("getfattr", ["--only-values", "-n", "user.bytes", "f"], {
    cwd: join(temp.path, "out"),
  });
  expect(read.toString("latin1")).toBe(value);
  expect(readFileSync(join(temp.path, "out/f"), "utf8")).toBe("x");
});
