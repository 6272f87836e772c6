import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeFileAtomic, writeFileOnce } from "../../src/host/atomic-write.ts";
import { removeTree } from "../../src/host/remove-tree.ts";
import { isSortableId, newSortableId, timeOfId } from "../../src/host/sortable-id.ts";
import { tempDir } from "../helpers/temp-dir.ts";

test("a file is replaced whole, missing folders are made, nothing else is left", () => {
  using dir = tempDir("atomic");
  const how = { tempDir: dir.path, sync: true, mode: 0o600 };
  const path = join(dir.path, "a", "b", "file");
  writeFileAtomic(path, "one", how);
  writeFileAtomic(path, Buffer.from("two"), how);
  expect(readFileSync(path, "utf8")).toBe("two");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(dir.path)).toEqual(["a"]);
});

test("of two who write a file once, the first wins", () => {
  using dir = tempDir("atomic");
  const how = { tempDir: dir.path, sync: false };
  const path = join(dir.path, "x", "file");
  expect(writeFileOnce(path, "one", how)).toBe(true);
  expect(writeFileOnce(path, "two", how)).toBe(false);
  expect(readFileSync(path, "utf8")).toBe("one");
  expect(readdirSync(dir.path)).toEqual(["x"]);
});

test("a write that cannot end leaves no temporary file", () => {
  using dir = tempDir("atomic");
  mkdirSync(join(dir.path, "taken", "by-a-folder"), { recursive: true });
  expect(() => writeFileAtomic(join(dir.path, "taken"), "x", { tempDir: dir.path, sync: false })).toThrow(
    "EISDIR",
  );
  expect(readdirSync(dir.path)).toEqual(["taken"]);
});

test("a tree with closed folders and names of any bytes is removed", () => {
  using dir = tempDir("remove");
  const odd = Buffer.concat([Buffer.from(`${dir.path}/tree/deep/`), Buffer.from([0xff, 0x0a, 0xfe])]);
  mkdirSync(join(dir.path, "tree", "deep"), { recursive: true });
  writeFileSync(odd, "");
  mkdirSync(join(dir.path, "tree", "closed", "in"), { recursive: true });
  chmodSync(join(dir.path, "tree", "closed"), 0o500);
  expect(removeTree(join(dir.path, "tree"))).toBe(true);
  expect(removeTree(join(dir.path, "tree"))).toBe(true);
  expect(readdirSync(dir.path)).toEqual([]);
});

test("ids sort by their time as text, and give it back", () => {
  const times = [0, 1, 31, 32, 1_790_000_000_000, 1_790_000_000_001, 2 ** 48];
  const ids = times.map((time) => newSortableId(time));
  expect(ids.toSorted()).toEqual(ids);
  expect(ids.map(timeOfId)).toEqual(times);
  expect(ids.every(isSortableId)).toBe(true);
  expect(new Set(Array.from({ length: 1000 }, () => newSortableId(5))).size).toBe(1000);
  expect(
    ["", "tmp", `${ids[0]}x`, ids[0]?.toLowerCase() ?? "", "../../../../../../../../../a"].some(isSortableId),
  ).toBe(false);
});
