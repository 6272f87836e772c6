import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { addImage } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

test("a store of a newer format is refused and left untouched", () => {
  using dir = tempDir("format");
  writeFileSync(join(dir.path, "tsbuild.json"), '{"format":2,"new":"things"}');
  expect(() => openStore(dir.path)).toThrow(expect.objectContaining({ code: "store/newer-format" }));
  expect(readdirSync(dir.path)).toEqual(["tsbuild.json"]);
  expect(readFileSync(join(dir.path, "tsbuild.json"), "utf8")).toBe('{"format":2,"new":"things"}');
});

test.each([
  { name: "cut short", text: '{"form' },
  { name: "empty", text: "" },
  { name: "without a format", text: "{}" },
])("a tsbuild.json that is $name is refused, not guessed at", ({ text }) => {
  using dir = tempDir("format");
  writeFileSync(join(dir.path, "tsbuild.json"), text);
  expect(() => openStore(dir.path)).toThrow(expect.objectContaining({ code: "store/damaged" }));
});

test("opening a missing folder makes a store, and every folder in it is closed to others", () => {
  using dir = tempDir("format");
  const home = join(dir.path, "a", "b");
  using store = openStore(home);
  addImage(store, "x", ["docker.io/library/x:1"]);
  store.builds.create();
  expect(JSON.parse(readFileSync(join(home, "tsbuild.json"), "utf8"))).toEqual({ format: 1 });
  const folders = readdirSync(home, { withFileTypes: true, recursive: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const open = folders.filter(
    (entry) => (statSync(join(entry.parentPath, entry.name)).mode & 0o777) !== 0o700,
  );
  // Folders inside a closed one need not be closed themselves.
  expect(open.filter((entry) => entry.parentPath === home)).toEqual([]);
  expect(statSync(home).mode & 0o777).toBe(0o700);
});

test("opening writes nothing into a store that is there", () => {
  using dir = tempDir("format");
  openStore(dir.path)[Symbol.dispose]();
  const before = readdirSync(dir.path);
  openStore(dir.path)[Symbol.dispose]();
  expect(readdirSync(dir.path)).toEqual(before);
  expect(before).toEqual(["tsbuild.json"]);
});

test.skipIf(process.getuid?.() !== 0)("a store of another user is refused, root or not", () => {
  using dir = tempDir("format");
  openStore(dir.path)[Symbol.dispose]();
  chownSync(dir.path, 12_345, 12_345);
  expect(() => openStore(dir.path)).toThrow(expect.objectContaining({ code: "store/wrong-owner" }));
});

test.skipIf(process.getuid?.() !== 0)("another user's empty folder is not made a store", () => {
  using dir = tempDir("format");
  chownSync(dir.path, 12_345, 12_345);
  expect(() => openStore(dir.path)).toThrow(expect.objectContaining({ code: "store/wrong-owner" }));
  expect(existsSync(join(dir.path, "tsbuild.json"))).toBe(false);
});

test.skipIf(process.getuid?.() === 0)("a folder that may not be written is reported as such", () => {
  using dir = tempDir("format");
  const home = join(dir.path, "closed");
  mkdirSync(home);
  chmodSync(home, 0o500);
  expect(() => openStore(home)).toThrow(expect.objectContaining({ code: "store/unwritable" }));
});

test("the secret key is made once, and is readable by its owner alone", () => {
  using dir = tempDir("format");
  using store = openStore(dir.path);
  const key = store.secretKey();
  expect(key.length).toBe(32);
  using again = openStore(dir.path);
  expect(again.secretKey().equals(key)).toBe(true);
  expect(statSync(store.paths.secretKey).mode & 0o777).toBe(0o600);
});
