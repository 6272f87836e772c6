import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { statCachePath } from "../../src/context/stat-cache.ts";
import { decodeStatFile } from "../../src/context/stat-cache-file.ts";
import { at, bytesRead, clockAhead, makeFixture } from "./context-fixture.ts";

type Fixture = ReturnType<typeof makeFixture>;

/** Opens, asks for the Merkle root, closes: what a build does. */
function build(fixture: Fixture, options: Parameters<Fixture["open"]>[0] & { readonly path?: string } = {}) {
  using tree = fixture.open(options);
  const before = bytesRead();
  const digest = tree.merkle(at(options.path ?? ""));
  const read = bytesRead() - before;
  return { digest, read, saved: tree.save() };
}

const BIG = 1 << 20;

describe("an unchanged context", () => {
  test("is keyed without reading a file, and nothing is written", () => {
    using fixture = makeFixture();
    fixture.write("a", Buffer.alloc(BIG, "a"));
    fixture.write("d/b", "b");
    symlinkSync("a", join(fixture.root, "l"));
    const first = build(fixture);
    const second = build(fixture);
    expect(first).toMatchObject({ saved: true });
    expect(first.read).toBeGreaterThan(BIG);
    expect(second).toMatchObject({ digest: first.digest, saved: false });
    expect(second.read).toBeLessThan(BIG);
    expect(build(fixture, { cached: false }).digest).toBe(first.digest);
  });

  test("stays known while another Dockerfile copies other folders of it", () => {
    using fixture = makeFixture();
    fixture.write("one/a", Buffer.alloc(BIG, "a"));
    fixture.write("two/b", Buffer.alloc(BIG, "b"));
    build(fixture, { path: "one" });
    build(fixture, { path: "two" });
    for (const path of ["one", "two", ""]) expect(build(fixture, { path }).read).toBeLessThan(BIG);
  });

  test("stays known while other ignore rules leave parts of it out", () => {
    using fixture = makeFixture();
    fixture.write("one/a", Buffer.alloc(BIG, "a"));
    fixture.write("b", Buffer.alloc(BIG, "b"));
    const all = build(fixture);
    const some = build(fixture, { ignore: "one\n" });
    expect(some.digest).not.toBe(all.digest);
    expect(some.read).toBeLessThan(BIG);
    const again = build(fixture);
    expect(again.digest).toBe(all.digest);
    expect(again.read).toBeLessThan(BIG);
  });
});

describe("a changed context", () => {
  test("is seen where size and modification time are as before", () => {
    using fixture = makeFixture();
    const file = fixture.write("a", "old");
    utimesSync(file, 1_000, 1_000);
    const first = build(fixture);
    fixture.tick();
    writeFileSync(file, "new");
    utimesSync(file, 1_000, 1_000);
    expect(build(fixture).digest).not.toBe(first.digest);
    expect(build(fixture).digest).toBe(build(fixture, { cached: false }).digest);
  });

  test("keeps its key where a file is only touched", () => {
    using fixture = makeFixture();
    const file = fixture.write("d/a", "same");
    const first = build(fixture);
    fixture.tick();
    utimesSync(file, 1, 1);
    const touched = build(fixture);
    expect(touched).toMatchObject({ digest: first.digest, saved: true });
    expect(build(fixture)).toMatchObject({ digest: first.digest, saved: false });
  });

  test.each([
    {
      name: "its folder alone was keyed after the edit",
      steps: [{ path: "" }, { path: "d", edit: ["d/a"] }, { path: "" }],
    },
    {
      name: "a file alone was hashed after the edit",
      steps: [{ path: "" }, { path: "d/a", edit: ["d/a"] }, { path: "d" }, { path: "" }],
    },
    {
      name: "it was only looked at while its neighbour was hashed",
      steps: [{ path: "" }, { path: "d/b", edit: ["d/a", "d/b"] }, { path: "d/a" }, { path: "" }],
    },
    {
      name: "ignore rules took one of two equal files after the other",
      steps: [{ path: "" }, { path: "", ignore: "a" }, { path: "", ignore: "b" }, { path: "" }],
    },
    {
      name: "a file was ignored while it was edited",
      steps: [{ path: "" }, { path: "", ignore: "d/a", edit: ["d/a"] }, { path: "" }],
    },
  ])("is not taken for the old one where $name", ({ steps }) => {
    using fixture = makeFixture();
    for (const path of ["a", "b", "d/a", "d/b"]) fixture.write(path, "old");
    for (const { path, edit = [], ignore = "" } of steps as readonly {
      path: string;
      edit?: readonly string[];
      ignore?: string;
    }[]) {
      fixture.tick();
      for (const file of edit) fixture.write(file, "new");
      const expected = build(fixture, { path, ignore, cached: false }).digest;
      expect(build(fixture, { path, ignore }).digest).toBe(expected);
    }
  });

  test("has the key of a build that remembers nothing, whatever was done to it", () => {
    const op = fc.record({
      kind: fc.constantFrom("write", "touch", "chmod", "remove", "rename", "mkdir", "symlink", "link"),
      path: fc.constantFrom("a", "b", "d/a", "d/b", "d/e/a", "d/e"),
      other: fc.constantFrom("c", "d/c", "d/e/c"),
      text: fc.constantFrom("1", "2", "long text"),
    });
    const round = fc.record({
      ops: fc.array(op, { maxLength: 4 }),
      path: fc.constantFrom("", "d", "d/e"),
      ignore: fc.constantFrom("", "b", "d\n!d/e", "**/a"),
      onlyLook: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(round, { minLength: 2, maxLength: 5 }), (rounds) => {
        using fixture = makeFixture();
        for (const { ops, path, ignore, onlyLook } of rounds) {
          fixture.tick();
          for (const each of ops) apply(fixture, each);
          using cached = fixture.open({ ignore });
          using plain = fixture.open({ ignore, cached: false });
          if (onlyLook) look(cached);
          const isThere = plain.facts(at(path)) !== undefined;
          expect(isThere && cached.merkle(at(path))).toBe(isThere && plain.merkle(at(path)));
        }
      }),
      { numRuns: 60 },
    );
  });
});

interface Edit {
  readonly kind: string;
  readonly path: string;
  readonly other: string;
  readonly text: string;
}

/** One edit; one that does not fit what is there (a file where a folder is) is left out. */
function apply(fixture: Fixture, { kind, path, other, text }: Edit): void {
  const full = join(fixture.root, path);
  const target = join(fixture.root, other);
  try {
    if (kind === "write") fixture.write(path, text);
    if (kind === "touch") utimesSync(full, text.length, text.length);
    if (kind === "chmod") chmodSync(full, text === "1" ? 0o755 : 0o700);
    if (kind === "remove") rmSync(full, { recursive: true });
    if (kind === "rename") renameSync(full, target);
    if (kind === "mkdir") mkdirSync(full, { recursive: true });
    if (kind === "symlink") symlinkSync(text, full);
    if (kind === "link") linkSync(full, target);
  } catch {
    // See above.
  }
}

/** What wildcards and single files ask for: names and a digest, no listing. */
function look(tree: ReturnType<Fixture["open"]>): void {
  tree.names(at(""));
  for (const name of tree.names(at("d"))) {
    if (tree.facts(at(`d/${name}`))?.type === "file") tree.contentDigest(at(`d/${name}`));
  }
}

describe("a file changed less than two seconds before it was hashed", () => {
  test("is hashed again until it has settled, and the cache is written once for it", () => {
    using fixture = makeFixture();
    fixture.write("a", Buffer.alloc(BIG, "a"));
    const now = clockAhead(0);
    expect(build(fixture, { clock: now }).saved).toBe(true);
    const soon = build(fixture, { clock: now });
    expect(soon.saved).toBe(false);
    expect(soon.read).toBeGreaterThan(BIG);
    const later = build(fixture, { clock: clockAhead(2_500) });
    expect(later.saved).toBe(true);
    expect(later.read).toBeGreaterThan(BIG);
    const settled = build(fixture, { clock: clockAhead(2_500) });
    expect(settled.saved).toBe(false);
    expect(settled.read).toBeLessThan(BIG);
  });

  test("is never trusted while its time lies in the future", () => {
    using fixture = makeFixture();
    fixture.write("a", Buffer.alloc(BIG, "a"));
    const past = clockAhead(-3_600_000);
    build(fixture, { clock: past });
    expect(build(fixture, { clock: past }).saved).toBe(false);
    expect(build(fixture, { clock: past }).read).toBeGreaterThan(BIG);
  });
});

describe("a stat cache that is not what was written", () => {
  test.each([
    { name: "cut short", damage: (bytes: Buffer) => bytes.subarray(0, bytes.length - 9) },
    { name: "cut to its header", damage: (bytes: Buffer) => bytes.subarray(0, 32) },
    { name: "empty", damage: () => Buffer.alloc(0) },
    { name: "longer", damage: (bytes: Buffer) => Buffer.concat([bytes, Buffer.from("x")]) },
    {
      name: "text",
      damage: () => Buffer.from("not a stat cache, but longer than a header of one".repeat(9)),
    },
    { name: "of a newer version", damage: (bytes: Buffer) => (bytes.writeUInt32LE(99, 4), bytes) },
  ])("counts as empty: $name", ({ damage }) => {
    using fixture = makeFixture();
    fixture.write("d/a", "1");
    const first = build(fixture);
    const path = statCachePath(fixture.home, fixture.root);
    writeFileSync(path, damage(readFileSync(path)));
    expect(build(fixture)).toMatchObject({ digest: first.digest, saved: true });
    expect(build(fixture)).toMatchObject({ digest: first.digest, saved: false });
  });

  test("counts as empty with any one byte changed", () => {
    using fixture = makeFixture();
    fixture.write("d/a", "1");
    build(fixture);
    const bytes = readFileSync(statCachePath(fixture.home, fixture.root));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
        const copy = Buffer.from(bytes);
        copy[place] = (copy[place] ?? 0) ^ change;
        expect(decodeStatFile(fixture.root, copy)).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
    expect(decodeStatFile(fixture.root, bytes)).toBeDefined();
  });

  test("counts as empty where it belongs to another folder", () => {
    using fixture = makeFixture();
    using other = makeFixture();
    fixture.write("a", "1");
    other.write("a", "2");
    build(fixture);
    const expected = build(other).digest;
    copyFileSync(statCachePath(fixture.home, fixture.root), statCachePath(other.home, other.root));
    expect(build(other).digest).toBe(expected);
  });

  test("is private, alone in its folder, and its absence or a full disk is no error", () => {
    using fixture = makeFixture();
    fixture.write("a", "1");
    build(fixture);
    const path = statCachePath(fixture.home, fixture.root);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(fixture.home, "stat-cache"))).toHaveLength(1);
    rmSync(fixture.home, { recursive: true });
    writeFileSync(fixture.home, "a file where the folder should be");
    expect(build(fixture)).toMatchObject({ saved: false });
  });
});
