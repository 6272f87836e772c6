import { describe, expect, test } from "vitest";
import { encodePath } from "../../src/core/byte-path.ts";
import { memoryView } from "../helpers/memory-layer.ts";

const path = encodePath;

describe("a stack of layers reads as one file system", () => {
  test("an upper file replaces a lower one and a whiteout removes it", () => {
    const view = memoryView(
      { "a/x": { content: "1" }, "a/y": { content: "2" } },
      { "a/x": { content: "new" }, "a/y": { kind: "whiteout" } },
    );
    expect(view.names(path("a"))).toEqual(["x"]);
    expect([...view.read(path("a/x"))].join("")).toBe("new");
  });

  test("a whiteout hides only what lies below, wherever it stands in its layer", () => {
    const view = memoryView(
      { d: {}, "d/old": { content: "1" } },
      { d: {}, "d/new": { content: "2" }, "d/old": { kind: "whiteout" } },
    );
    expect(view.names(path("d"))).toEqual(["new"]);
  });

  test("an opaque directory keeps only what its own layer puts there", () => {
    const view = memoryView(
      { "d/a": { content: "1" }, "d/b": { content: "1" } },
      { "d/c": { content: "2" }, d: { kind: "opaque" } },
    );
    expect(view.names(path("d"))).toEqual(["c"]);
  });

  test.each([
    {
      name: "a file over a directory",
      lower: { "t/x": { content: "1" } },
      upper: { t: { content: "f" } },
      names: [],
    },
    {
      name: "a directory over a file",
      lower: { t: { content: "1" } },
      upper: { t: {}, "t/y": { content: "2" } },
      names: ["y"],
    },
  ])("$name replaces it whole", ({ lower, upper, names }) => {
    expect(memoryView(lower, upper).names(path("t"))).toEqual(names);
  });

  test("hard links are one inode, and a link whose partner is replaced stands alone", () => {
    const layer = { a: { content: "x" }, b: { kind: "hardlink", target: "a" } } as const;
    const linked = memoryView(layer);
    expect(linked.facts(path("b"))?.linkGroup).toBe(linked.facts(path("a"))?.linkGroup);
    expect(linked.facts(path("b"))?.linkGroup).toBeDefined();
    expect(memoryView(layer, { a: { content: "y" } }).facts(path("b"))?.linkGroup).toBeUndefined();
  });

  test("a folder that no layer lists is 0755 root", () => {
    expect(memoryView({ "usr/bin/x": { content: "" } }).facts(path("usr"))).toMatchObject({
      type: "dir",
      mode: 0o755,
      uid: 0,
    });
  });
});

describe("symlinks resolve inside the tree", () => {
  const view = memoryView({
    "real/f": { content: "1" },
    abs: { kind: "symlink", target: "/real" },
    up: { kind: "symlink", target: "../../../../real" },
    loop: { kind: "symlink", target: "loop" },
    "deep/down": { kind: "symlink", target: "../abs/f" },
  });
  test.each([
    { from: "abs/f", to: "real/f" },
    { from: "up/f", to: "real/f" },
    { from: "deep/down", to: "real/f" },
    { from: "../../abs", to: "real" },
    { from: "loop", to: undefined },
  ])("$from leads to $to", ({ from, to }) => {
    expect(view.resolve(path(from), true)).toBe(to);
  });
  test("the last link is kept where asked", () => {
    expect(view.resolve(path("abs"), false)).toBe("abs");
  });
});

test("equal trees have equal Merkle roots whatever their layers and times, and any fact of a file moves it", () => {
  const one = memoryView({ "d/a": { content: "1" }, "d/b": { content: "2" } });
  const two = memoryView(
    { "d/a": { content: "0" } },
    { "d/a": { content: "1", mtimeSeconds: 9 }, "d/b": { content: "2" } },
  );
  expect(one.merkle(path("d"))).toBe(two.merkle(path("d")));
  const others = [
    { "d/a": { content: "1" }, "d/b": { content: "2", mode: 0o755 } },
    { "d/a": { content: "1" }, "d/c": { content: "2" } },
    { "d/a": { content: "1" }, "d/b": { content: "2", uid: 1 } },
    { "d/a": { content: "1" }, "d/b": { content: "2", xattrs: { "user.x": "1" } } },
  ].map((layer) => memoryView(layer).merkle(path("d")));
  expect(new Set([one.merkle(path("d")), ...others]).size).toBe(5);
});
