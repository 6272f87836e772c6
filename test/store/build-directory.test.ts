import { readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const isDay = (value: unknown): value is { day: number } =>
  typeof value === "object" && value !== null && "day" in value && typeof value.day === "number";

test("builds are listed latest first; one that ended before it was recorded is not the latest", () => {
  using dir = tempDir("builds");
  let nowMs = 1_790_000_000_000;
  const warnings: string[] = [];
  using store = openStore(dir.path, {
    clock: { nowMs: () => nowMs++, monotonicMs: () => 0 },
    warn: (text) => warnings.push(text),
  });
  const [first, second, third] = [store.builds.create(), store.builds.create(), store.builds.create()];
  first.write("build", { day: 1 });
  second.write("build", { day: 2 });
  expect(store.builds.list()).toEqual([third.id, second.id, first.id]);
  expect(store.builds.latest()).toBe(second.id);
  expect(store.builds.read(second.id, "build", isDay)).toEqual({ day: 2 });
  expect(store.builds.read(third.id, "build", isDay)).toBeUndefined();
  truncateSync(join(second.dir, "build.json"), 5);
  expect(store.builds.latest()).toBe(first.id);
  expect(warnings).toEqual([]);
  expect(store.builds.read(second.id, "build", isDay)).toBeUndefined();
  expect(warnings.length).toBe(1);
});

test("a step's log keeps every byte and counts its lines", () => {
  using dir = tempDir("builds");
  using store = openStore(dir.path);
  const build = store.builds.create();
  const pieces = ["one\ntw", "o\n", "\x1b[31mred\xff", "\n\n", "end"].map((text) =>
    Buffer.from(text, "latin1"),
  );
  using log = build.openLog("s0.2");
  for (const piece of pieces) log.write(piece);
  expect(log.lines).toBe(4);
  expect(readFileSync(log.path).equals(Buffer.concat(pieces))).toBe(true);
});
