import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeMountPoints, removeMountPoints } from "../../src/executor/mount-points.ts";
import { lookUp } from "../../src/executor/root-lookup.ts";

let dir: string;
let root: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "tsbuild-points-"));
  root = join(dir, "root");
  mkdirSync(root);
});
afterEach(() => rmSync(dir, { recursive: true }));

const HOSTS = { target: "/etc/hosts", type: "file" } as const;

test("what is made is removed again, and the times of its parents stay", () => {
  utimesSync(root, 1_000_000, 1_000_000);
  const made = makeMountPoints(root, [HOSTS, { target: "/proc", type: "directory" }]);
  expect(readdirSync(root, { recursive: true }).map(String).toSorted()).toEqual(["etc", "etc/hosts", "proc"]);
  removeMountPoints(root, made);
  expect(readdirSync(root)).toEqual([]);
  expect(statSync(root).mtimeMs).toBe(1_000_000_000);
});

test("what was there stays", () => {
  mkdirSync(join(root, "etc"));
  writeFileSync(join(root, "etc/hosts"), "");
  removeMountPoints(root, makeMountPoints(root, [HOSTS]));
  expect(existsSync(join(root, "etc/hosts"))).toBe(true);
});

test("links are followed inside the root, dangling ones to where they point", () => {
  symlinkSync("/a/../b", join(root, "etc"));
  expect(makeMountPoints(root, [HOSTS]).map((made) => made.path)).toEqual(["b", "b/hosts"]);
  symlinkSync("../../../x", join(root, "b/up"));
  expect(lookUp(root, "/etc/up")).toMatchObject({ path: "x", stat: undefined });
});

test("a way up through what is missing ends at the root", () => {
  symlinkSync("missing/../../../../../x/y", join(root, "link"));
  expect(makeMountPoints(root, [{ target: "/link", type: "file" }]).map((made) => made.path)).toEqual([
    "x",
    "x/y",
  ]);
  expect(readdirSync(dir)).toEqual(["root"]);
});

test("a loop of links leads nowhere, and is no endless search", () => {
  symlinkSync("loop", join(root, "loop"));
  expect(lookUp(root, "/loop").stat).toBeUndefined();
});

test.each([
  {
    name: "its parent became a link",
    change: (victim: string) => {
      renameSync(join(root, "etc"), join(root, "old"));
      symlinkSync(victim, join(root, "etc"));
    },
  },
  {
    name: "it got content",
    change: () => {
      writeFileSync(join(root, "etc/hosts"), "x");
    },
  },
  {
    name: "it is another file",
    change: () => {
      renameSync(join(root, "etc/hosts"), join(root, "kept"));
      writeFileSync(join(root, "etc/hosts"), "");
    },
  },
])("a mount point is left where $name", ({ change }) => {
  const victim = join(dir, "victim");
  mkdirSync(victim);
  writeFileSync(join(victim, "hosts"), "");
  const made = makeMountPoints(root, [HOSTS]);
  change(victim);
  removeMountPoints(root, made);
  expect(existsSync(join(victim, "hosts"))).toBe(true);
  expect(existsSync(join(root, "etc/hosts"))).toBe(true);
});

test("a mount point that the command removed is no error", () => {
  const made = makeMountPoints(root, [HOSTS]);
  unlinkSync(join(root, "etc/hosts"));
  removeMountPoints(root, made);
  expect(readdirSync(root)).toEqual([]);
});
