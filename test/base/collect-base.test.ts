import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { collectBase } from "../../src/base/collect-base.ts";
import { readElf } from "../../src/base/elf.ts";
import type { PackEntry } from "../../src/core/ports.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** A made-up machine: paths to what is there. `->x` is a symlink, `=x` a copy of this machine's file x, else text. */
function machine(root: string, files: Readonly<Record<string, string>>): string {
  for (const [path, content] of Object.entries(files)) {
    const at = join(root, path);
    mkdirSync(dirname(at), { recursive: true });
    if (content.startsWith("->")) symlinkSync(content.slice(2), at);
    else if (content.startsWith("=")) copyFileSync(realpathSync(content.slice(1)), at);
    else writeFileSync(at, content);
    if (!content.startsWith("->")) chmodSync(at, path.includes("bin/") ? 0o700 : 0o600);
  }
  return root;
}

const paths = (entries: readonly PackEntry[]) => entries.map(({ entry }) => entry.path);
const find = (entries: readonly PackEntry[], path: string) =>
  entries.find(({ entry }) => entry.path === path);
const text = (item: PackEntry | undefined) =>
  Buffer.concat([...(item?.content?.() ?? [])] as Uint8Array[]).toString();

describe("a program brings what it needs to start", () => {
  test("a script brings its interpreter and what env is asked to find", () => {
    using dir = tempDir();
    const root = machine(dir.path, {
      "usr/bin/tool": "#!/usr/bin/env -S LANG=C runner --fast\n",
      "usr/bin/env": "#!/bin/env-interpreter\n",
      "bin/env-interpreter": "static",
      "usr/local/bin/runner": "static",
      "usr/bin/other": "static",
    });
    const { entries } = collectBase(["tool"], { root, only: true });
    expect(paths(entries)).toEqual(
      expect.arrayContaining(["usr/bin/tool", "usr/bin/env", "usr/local/bin/runner", "bin/env-interpreter"]),
    );
    expect(paths(entries)).not.toContain("usr/bin/other");
  });

  test("links on the way are kept, merged /usr and alternatives too", () => {
    using dir = tempDir();
    const root = machine(dir.path, {
      "usr/bin/mawk": "static",
      "usr/bin/awk": "->/etc/alternatives/awk",
      "etc/alternatives/awk": "->../../bin/mawk",
      bin: "->usr/bin",
    });
    const { entries } = collectBase(["awk"], { root, only: true });
    const links = entries
      .filter(({ entry }) => entry.kind === "symlink")
      .map(({ entry }) => [entry.path, entry.target]);
    expect(links).toEqual([
      ["bin", "usr/bin"],
      ["etc/alternatives/awk", "../../bin/mawk"],
      ["usr/bin/awk", "/etc/alternatives/awk"],
    ]);
    expect(find(entries, "usr/bin/mawk")?.entry).toMatchObject({ kind: "file", mode: 0o755, uid: 0, gid: 0 });
  });

  test("libraries that only ld.so.conf leads to bring ld.so.cache, those in built-in folders do not", () => {
    const facts = readElf(Buffer.from(realpathSync("/usr/bin/env")));
    const [libc = ""] = facts?.needed ?? [];
    const loader = facts?.interpreter ?? "";
    using dir = tempDir();
    const common = {
      "usr/bin/env": "=/usr/bin/env",
      [loader]: `=${loader}`,
      "etc/ld.so.cache": "cache",
      "etc/ld.so.conf": "include ld.so.conf.d/*.conf\n",
    };
    const configured = machine(join(dir.path, "a"), {
      ...common,
      "etc/ld.so.conf.d/local.conf": "# ours\n/opt/lib\n",
      [`opt/lib/${libc}`]: `=${join(dirname(realpathSync(loader)), libc)}`,
    });
    expect(paths(collectBase(["env"], { root: configured, only: true }).entries)).toEqual(
      expect.arrayContaining([`opt/lib/${libc}`, "etc/ld.so.cache", loader.slice(1)]),
    );
    const builtIn = machine(join(dir.path, "b"), {
      ...common,
      [`usr/lib/${libc}`]: `=${join(dirname(realpathSync(loader)), libc)}`,
    });
    expect(paths(collectBase(["env"], { root: builtIn, only: true }).entries)).not.toContain(
      "etc/ld.so.cache",
    );
  });

  test("a directory is taken whole, several names of one file as hard links", () => {
    using dir = tempDir();
    const root = machine(dir.path, {
      "usr/lib/app/b/data.txt": "data",
      "usr/lib/app/a.txt": "one",
      "usr/bin/x": "static",
    });
    linkSync(join(root, "usr/lib/app/a.txt"), join(root, "usr/lib/app/b/again.txt"));
    const { entries } = collectBase(["x", "/usr/lib/app"], { root, only: true });
    expect(text(find(entries, "usr/lib/app/b/data.txt"))).toBe("data");
    expect(find(entries, "usr/lib/app/b/again.txt")?.entry).toMatchObject({
      kind: "hardlink",
      target: "usr/lib/app/a.txt",
      size: 0,
    });
  });
});

describe("what is missing is named", () => {
  test.each([
    { name: "a program", files: {}, ask: "nope", message: 'no program "nope"' },
    {
      name: "what env is asked for",
      files: { "usr/bin/t": "#!/usr/bin/env gone\n" },
      ask: "t",
      message: '"gone"',
    },
  ])("$name", ({ files, ask, message }) => {
    using dir = tempDir();
    const root = machine(dir.path, files);
    expect(() => collectBase([ask], { root })).toThrow(
      expect.objectContaining({ code: "base/program-not-found", message: expect.stringContaining(message) }),
    );
  });

  test("a library", () => {
    using dir = tempDir();
    const root = machine(dir.path, { "usr/bin/env": "=/usr/bin/env" });
    expect(() => collectBase(["env"], { root })).toThrow(
      expect.objectContaining({ code: "base/library-not-found" }),
    );
  });

  test("of the usual programs it is no error, and they are listed", () => {
    using dir = tempDir();
    const { missing, programs } = collectBase([], { root: machine(dir.path, { "bin/sh": "static" }) });
    expect(programs).toEqual(["/bin/sh"]);
    expect(missing).toContain("ls");
  });
});

test("entries are sorted by byte, parents first, once each, at one fixed time", () => {
  const { entries } = collectBase([], { epochSeconds: 7 });
  const all = paths(entries);
  expect(all).toEqual([...new Set(all)].toSorted((a, b) => (a < b ? -1 : 1)));
  const folders = new Set(
    entries.filter(({ entry }) => entry.kind === "dir").map(({ entry }) => String(entry.path)),
  );
  expect(all.map((path) => dirname(path)).filter((parent) => parent !== "." && !folders.has(parent))).toEqual(
    [],
  );
  const facts = entries.map(({ entry }) =>
    [entry.mtimeSeconds, entry.mtimeNanos, entry.uid, entry.gid].join(),
  );
  expect(new Set(facts)).toEqual(new Set(["7,0,0,0"]));
  expect(find(entries, "tmp")?.entry.mode).toBe(0o1777);
  expect(find(entries, "root")?.entry.mode).toBe(0o700);
});

test("announced sizes are those of the content", () => {
  const { entries } = collectBase(["sh"], { only: true });
  const sizes = entries.map(({ content }) =>
    [...(content?.() ?? [])].reduce((sum, part) => sum + part.length, 0),
  );
  expect(sizes).toEqual(entries.map(({ entry }) => entry.size));
});

describe("readElf refuses what is no ELF file", () => {
  test.each([
    { name: "text", bytes: Buffer.from("#!/bin/sh\n".repeat(20)) },
    { name: "an empty file", bytes: Buffer.alloc(0) },
    { name: "a magic number and nothing else", bytes: Buffer.from("\x7fELF", "latin1") },
    { name: "tables that point outside the file", bytes: readFileSync("/usr/bin/env").subarray(0, 200) },
    {
      name: "huge tables",
      bytes: Buffer.concat([readFileSync("/usr/bin/env").subarray(0, 32), Buffer.alloc(400, 0xff)]),
    },
  ])("$name", ({ bytes }) => {
    using dir = tempDir();
    const path = join(dir.path, basename("object"));
    writeFileSync(path, bytes);
    expect(readElf(Buffer.from(path))).toBeUndefined();
  });
});
