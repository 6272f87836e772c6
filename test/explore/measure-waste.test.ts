import { array, assert, constantFrom, property, uniqueArray } from "fast-check";
import { describe, expect, test } from "vitest";
import { encodePath } from "../../src/core/byte-path.ts";
import type { TocEntry } from "../../src/core/file-tree.ts";
import { measureWaste } from "../../src/explore/measure-waste.ts";

/** `etc/`: a directory; `-a`: a whiteout; `=a`: an opaque directory; `a=12`: a file of 12 bytes; `a@`: a symlink; `a~b`: a hard link. */
function entry(text: string): TocEntry {
  const facts = { mode: 0o644, uid: 0, gid: 0, size: 0, mtimeSeconds: 0, mtimeNanos: 0 };
  if (text.startsWith("-")) return { ...facts, kind: "whiteout", path: encodePath(text.slice(1)) };
  if (text.startsWith("=")) return { ...facts, kind: "opaque", path: encodePath(text.slice(1)) };
  if (text.endsWith("/")) return { ...facts, kind: "dir", path: encodePath(text) };
  if (text.endsWith("@"))
    return { ...facts, kind: "symlink", path: encodePath(text.slice(0, -1)), target: "x" };
  const [path = "", size] = text.split("=");
  if (size !== undefined) return { ...facts, kind: "file", path: encodePath(path), size: Number(size) };
  const [link = "", target = ""] = text.split("~");
  return { ...facts, kind: "hardlink", path: encodePath(link), target };
}

const measure = (...layers: readonly string[]) =>
  measureWaste(layers.map((layer) => layer.split(" ").filter(Boolean).map(entry)));

describe("bytes that are stored and not seen", () => {
  test.each([
    { name: "nothing in one layer", layers: ["a/ a/f=10"], wasted: [] },
    { name: "a file that is written again", layers: ["f=10", "f=20"], wasted: ["f 10 0>1 replaced"] },
    {
      name: "a file twice replaced",
      layers: ["f=1", "f=2", "f=4"],
      wasted: ["f 2 1>2 replaced", "f 1 0>1 replaced"],
    },
    { name: "a file that is removed", layers: ["f=10", "-f"], wasted: ["f 10 0>1 removed"] },
    {
      name: "a whole directory removed",
      layers: ["d/ d/a=1 d/e/ d/e/b=2", "-d"],
      wasted: ["d/e/b 2 0>1 removed", "d/a 1 0>1 removed"],
    },
    {
      name: "an opaque directory: what lies below it, not what comes with it",
      layers: ["d/ d/a=1", "d/ =d d/b=5"],
      wasted: ["d/a 1 0>1 removed"],
    },
    { name: "a directory over a directory", layers: ["d/ d/a=1", "d/ d/b=2"], wasted: [] },
    { name: "a symlink over a directory", layers: ["d/ d/a=3", "d@"], wasted: ["d/a 3 0>1 replaced"] },
    { name: "a directory over a file", layers: ["d=7", "d/ d/a=1"], wasted: ["d 7 0>1 replaced"] },
    { name: "a whiteout and a new file of one name", layers: ["f=7", "-f f=1"], wasted: ["f 7 0>1 removed"] },
    { name: "a whiteout of nothing", layers: ["f=7", "-g"], wasted: [] },
    { name: "hard links: the bytes are with the first name", layers: ["a=5 b~a", "-b"], wasted: [] },
    { name: "what is removed and made again", layers: ["f=2", "-f", "f=2"], wasted: ["f 2 0>1 removed"] },
  ])("$name", ({ layers, wasted }) => {
    const { wasted: found } = measure(...layers);
    expect(
      found.map((file) => `${file.path} ${file.bytes} ${file.layer}>${file.hiddenBy} ${file.how}`),
    ).toEqual(wasted);
  });

  test("each layer says what it added, changed and removed", () => {
    expect(measure("d/ d/a=1 f=2", "d/ d/a=3 -f g=4").layers).toEqual([
      { added: 3, changed: 0, removed: 0, bytes: 3 },
      { added: 1, changed: 2, removed: 1, bytes: 7 },
    ]);
  });

  test("shares are of all bytes, and of those above the bottom layer", () => {
    expect(measure("a=60", "b=30", "-b c=10")).toMatchObject({
      bytes: 100,
      userBytes: 40,
      wastedBytes: 30,
      efficiency: 0.7,
      userWasted: 0.75,
    });
    expect(measure("")).toMatchObject({ bytes: 0, efficiency: 1, userWasted: 0 });
  });
});

test("what is stored is either seen in the end or wasted once", () => {
  const step = constantFrom("a=1", "a/", "a/b=2", "a/c=4", "-a", "-a/b", "=a", "a@", "d=8", "-d");
  assert(
    property(array(uniqueArray(step, { maxLength: 4 }).filter(isWhole), { maxLength: 6 }), (layers) => {
      const { bytes, wastedBytes } = measure(...layers.map((layer) => layer.join(" ")));
      expect(wastedBytes).toBe(bytes - seen(layers));
    }),
  );
});

/** A tar has one entry a path, and nothing below what is no directory. */
const isWhole = (layer: readonly string[]) =>
  !(layer.some((each) => /^a[=@]/.test(each)) && layer.some((each) => /^a(\/|@|\/.*=)/.test(each))) &&
  layer.filter((each) => /^a(=|@|\/$)/.test(each)).length < 2;

/** The same by the plainest means: a map of paths. */
function seen(layers: readonly (readonly string[])[]): number {
  let files = new Map<string, number>();
  const drop = (goes: (path: string) => boolean) => {
    files = new Map([...files].filter(([path]) => !goes(path)));
  };
  for (const layer of layers) {
    const entries = layer.map(entry);
    for (const { kind, path } of entries) {
      if (kind === "whiteout") drop((each) => each === path || each.startsWith(`${path}/`));
      if (kind === "opaque") drop((each) => each.startsWith(`${path}/`));
    }
    for (const { kind, path, size } of entries) {
      if (kind === "whiteout" || kind === "opaque") continue;
      drop(
        (each) =>
          each === path || path.startsWith(`${each}/`) || (kind !== "dir" && each.startsWith(`${path}/`)),
      );
      if (kind === "file") files.set(path, size);
    }
  }
  return [...files.values()].reduce((total, size) => total + size, 0);
}
