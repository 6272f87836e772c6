import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openContext } from "../../src/context/context-tree.ts";
import { NO_RULES } from "../../src/context/ignore-file.ts";
import { encodeListing } from "../../src/core/listing.ts";
import { asOrdinaryUser, at, clockAhead, makeFixture, recompute, sha256 } from "./context-fixture.ts";

describe("facts of a context", () => {
  test("carry Docker's owner and the mode on disk", () => {
    using fixture = makeFixture();
    const file = fixture.write("d/a", "hello");
    chmodSync(file, 0o4751);
    if (process.getuid?.() === 0) chownSync(file, 1234, 1234);
    lutimesSync(file, 1_000_000_000.75, 981_173_106.5);
    using tree = fixture.open();
    expect(tree.facts(at("d/a"))).toEqual({
      type: "file",
      mode: process.getuid?.() === 0 ? 0o751 : 0o4751,
      uid: 0,
      gid: 0,
      size: 5,
      mtimeSeconds: 981_173_106,
      mtimeNanos: 500_000_000,
    });
    expect(tree.facts(at("d"))).toMatchObject({ type: "dir", size: 0 });
    expect(tree.facts(at("d/none"))).toBeUndefined();
    expect(tree.facts(at("d/a/below"))).toBeUndefined();
  });

  test.each([
    {
      name: "the last nanosecond of a second",
      time: "@1700000000.999999999",
      seconds: 1_700_000_000,
      nanos: 999_999_999,
    },
    { name: "a whole second", time: "@1700000001", seconds: 1_700_000_001, nanos: 0 },
    { name: "before 1970", time: "@-5.75", seconds: -6, nanos: 250_000_000 },
  ])("keep the second of a time: $name", ({ time, seconds, nanos }) => {
    using fixture = makeFixture();
    execFileSync("touch", ["-d", time, fixture.write("a", "")]);
    using tree = fixture.open();
    expect(tree.facts(at("a"))).toMatchObject({ mtimeSeconds: seconds, mtimeNanos: nanos });
  });

  test("do not depend on who owns the files or when they were made", () => {
    using one = makeFixture();
    using two = makeFixture();
    one.write("d/a", "1");
    const file = two.write("d/a", "1");
    if (process.getuid?.() === 0) chownSync(file, 7, 7);
    lutimesSync(file, 1, 1);
    using left = one.open();
    using right = two.open();
    expect(right.merkle(at(""))).toBe(left.merkle(at("")));
  });

  test.each([
    { name: "content", change: (file: string) => writeFileSync(file, "2") },
    { name: "mode", change: (file: string) => chmodSync(file, 0o600) },
    { name: "type", change: (file: string) => (unlinkSync(file), mkdirSync(file)) },
    { name: "target", change: (file: string) => (unlinkSync(file), symlinkSync("x", file)) },
    { name: "absence", change: (file: string) => unlinkSync(file) },
    { name: "an empty directory beside it", change: (file: string) => mkdirSync(`${file}2`) },
  ])("another $name is another Merkle root", ({ change }) => {
    using fixture = makeFixture();
    const file = fixture.write("d/a", "1");
    chmodSync(file, 0o644);
    using before = fixture.open();
    const old = before.merkle(at(""));
    change(file);
    using after = fixture.open();
    expect(after.merkle(at(""))).not.toBe(old);
  });
});

describe("listings", () => {
  test("are the preimage of the Merkle root, from the disk and from the cache", () => {
    using fixture = makeFixture();
    fixture.write("d/e/a", "1");
    fixture.write("d/b", Buffer.alloc(3 << 20, "big"));
    fixture.write("c", "");
    symlinkSync("d/e", join(fixture.root, "l"));
    execFileSync("mkfifo", [join(fixture.root, "p")]);
    for (const _ of ["cold", "warm"]) {
      using tree = fixture.open();
      expect(tree.merkle(at(""))).toBe(recompute(tree, at("")));
      expect(tree.merkle(at("d"))).toBe(recompute(tree, at("d")));
    }
  });

  test("of a single file are one row without a name", () => {
    using fixture = makeFixture();
    chmodSync(fixture.write("a", "1"), 0o640);
    using tree = fixture.open();
    const row = {
      name: "",
      type: "file",
      mode: 0o640,
      uid: 0,
      gid: 0,
      size: 1,
      digest: tree.contentDigest(at("a")),
    } as const;
    expect(tree.merkle(at("a"))).toBe(sha256(encodeListing({ rows: [row] })));
  });

  test("of equal folders are equal wherever they lie", () => {
    using fixture = makeFixture();
    for (const dir of ["x", "y/z"]) {
      linkSync(fixture.write(`${dir}/a`, "1"), join(fixture.root, dir, "b"));
    }
    using tree = fixture.open();
    expect(tree.merkle(at("x"))).toBe(tree.merkle(at("y/z")));
  });
});

describe("hard links", () => {
  test("show as groups, and as the smallest name below the root that is asked for", () => {
    using fixture = makeFixture();
    const file = fixture.write("d/b", "1");
    linkSync(file, join(fixture.root, "d/c"));
    linkSync(file, join(fixture.root, "a"));
    fixture.write("z", "1");
    for (const _ of ["cold", "warm"]) {
      using tree = fixture.open();
      const groups = ["a", "d/b", "d/c", "z"].map((path) => tree.facts(at(path))?.linkGroup);
      expect(new Set(groups.slice(0, 3)).size).toBe(1);
      expect(groups[3]).toBeUndefined();
      expect(tree.listing(at("d"))?.rows.map((row) => row.link)).toEqual(["b", "b"]);
      expect(tree.merkle(at(""))).toBe(recompute(tree, at("")));
      expect(tree.listing(at("d"))?.rows.map((row) => row.link)).toEqual(["a", "a"]);
    }
  });

  test("to a file outside what is copied are no links", () => {
    using fixture = makeFixture();
    const file = fixture.write("d/a", "1");
    using plain = fixture.open();
    const before = plain.merkle(at("d"));
    linkSync(file, join(fixture.root, "other"));
    linkSync(file, join(fixture.root, "ignored"));
    using tree = fixture.open({ ignore: "ignored" });
    expect(tree.merkle(at("d"))).toBe(before);
  });
});

describe("resolve stays inside the context", () => {
  test.each([
    { path: "file", expected: "d/f" },
    { path: "dir/f", expected: "d/f" },
    { path: "absolute", expected: "d/f" },
    { path: "climbing", expected: "d/f" },
    { path: "chain", expected: "d/f" },
    { path: "dangling", expected: undefined },
    { path: "loop", expected: undefined },
    { path: "self/self/self", expected: undefined },
    { path: "to-ignored", expected: undefined },
    { path: "d/f/below", expected: undefined },
    { path: "", expected: "" },
  ])("$path leads to $expected", ({ path, expected }) => {
    using fixture = makeFixture();
    fixture.write("d/f", "1");
    fixture.write("hidden", "1");
    const links = {
      file: "d/f",
      dir: "./d/",
      absolute: "/d/f",
      climbing: "../../../d/../d/f",
      chain: "dir/../file",
      dangling: "nowhere",
      loop: "loop2",
      loop2: "loop",
      self: "self",
      "to-ignored": "hidden",
    };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(fixture.root, name));
    using tree = fixture.open({ ignore: "hidden" });
    expect(tree.resolve(at(path), true)).toBe(expected);
  });

  test("the last symlink is kept where it is not to be followed", () => {
    using fixture = makeFixture();
    symlinkSync("nowhere", join(fixture.root, "l"));
    using tree = fixture.open();
    expect(tree.resolve(at("l"), false)).toBe("l");
    expect(tree.facts(at("l"))).toMatchObject({ type: "symlink", target: "nowhere", mode: 0o777 });
  });
});

describe("what goes wrong is said", () => {
  test.each([
    { name: "a missing folder", path: "nowhere", message: "there is no directory" },
    { name: "a file", path: "file", message: "is not a directory" },
    { name: "a folder below a file", path: "file/x", message: "there is no directory" },
  ])("$name is no context", ({ path, message }) => {
    using fixture = makeFixture();
    fixture.write("file", "");
    const root = join(fixture.root, path);
    expect(() => openContext({ root, ignore: NO_RULES, clock: clockAhead() })).toThrow(
      expect.objectContaining({ code: "context/not-found", message: expect.stringContaining(message) }),
    );
  });

  test.each([
    { name: "file", path: "secret", ask: "secret" },
    { name: "directory", path: "locked", ask: "locked" },
  ])("an unreadable $name is named", ({ path, ask }) => {
    using fixture = makeFixture();
    fixture.write("secret", "1");
    fixture.write("locked/a", "1");
    execFileSync("chmod", ["-R", "a+rX", fixture.top]);
    chmodSync(join(fixture.root, path), 0o000);
    asOrdinaryUser(() => {
      using tree = fixture.open({ cached: false });
      expect(() => tree.merkle(at(ask))).toThrow(
        expect.objectContaining({
          code: "context/unreadable",
          message: `cannot read ${path}: permission denied`,
        }),
      );
      using ignoring = fixture.open({ cached: false, ignore: `${path}\n!**/kept` });
      expect(() => ignoring.merkle(at(""))).not.toThrow(/permission/);
    });
  });

  test("a file that is gone when it is read has changed", () => {
    using fixture = makeFixture();
    const file = fixture.write("a", "x".repeat(100_000));
    using tree = fixture.open();
    tree.merkle(at(""));
    rmSync(file);
    expect(() => [...tree.read(at("a"))]).toThrow(expect.objectContaining({ code: "context/changed" }));
  });

  test("a file replaced by a fifo or a symlink is neither waited for nor followed", () => {
    using fixture = makeFixture();
    const file = fixture.write("a", "1");
    fixture.write("b", "2");
    for (const replace of [() => execFileSync("mkfifo", [file]), () => symlinkSync("b", file)]) {
      rmSync(file, { force: true });
      writeFileSync(file, "1");
      using tree = fixture.open({ cached: false });
      tree.names(at(""));
      rmSync(file);
      replace();
      expect(() => tree.contentDigest(at("a"))).toThrow(expect.objectContaining({ code: "context/changed" }));
    }
  });

  test("after a refresh the tree shows what is on disk now", () => {
    using fixture = makeFixture();
    const file = fixture.write("a", "1");
    using tree = fixture.open();
    const old = tree.merkle(at(""));
    writeFileSync(file, "22");
    expect(tree.merkle(at(""))).toBe(old);
    tree.refresh();
    expect(tree.facts(at("a"))?.size).toBe(2);
    expect(tree.merkle(at(""))).not.toBe(old);
  });
});
