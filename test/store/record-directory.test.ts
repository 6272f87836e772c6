import { readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/core/ports.ts";
import { openStore } from "../../src/store/store.ts";
import { recordOf } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const HOUR_MS = 3_600_000;

describe("a damaged record is a miss with a warning, and the next one takes its place", () => {
  test.each([
    { name: "cut short", damage: (path: string) => truncateSync(path, 40) },
    { name: "empty", damage: (path: string) => truncateSync(path, 0) },
    {
      name: "one changed letter",
      damage: (path: string) => writeFileSync(path, readFileSync(path, "utf8").replace("RUN a", "RUN b")),
    },
    { name: "no JSON", damage: (path: string) => writeFileSync(path, "\0\0\0") },
  ])("$name", ({ damage }) => {
    using dir = tempDir("records");
    const warnings: string[] = [];
    using store = openStore(dir.path, { warn: (text) => warnings.push(text) });
    const record = recordOf("a");
    store.records.put(record, false);
    damage(store.paths.record(record.key.id));
    expect(store.records.get(record.key.id)).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining("damaged")]);
    const again = recordOf("a", { tookMs: 9 });
    expect(store.records.put(again, false)).toEqual(again);
    expect(store.records.get(record.key.id)).toEqual(again);
  });
});

test("a record under the name of another key is not served", () => {
  using dir = tempDir("records");
  using store = openStore(dir.path);
  store.records.put(recordOf("a"), false);
  store.records.put(recordOf("b"), false);
  writeFileSync(
    store.paths.record(recordOf("b").key.id),
    readFileSync(store.paths.record(recordOf("a").key.id), "utf8"),
  );
  expect(store.records.get(recordOf("b").key.id)).toBeUndefined();
});

test("last use is noted at most once an hour", () => {
  using dir = tempDir("records");
  let nowMs = Date.now();
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  using store = openStore(dir.path, { clock });
  const record = recordOf("a");
  store.records.put(record, false);
  const path = store.paths.record(record.key.id);
  utimesSync(path, nowMs / 1000, nowMs / 1000);
  const written = statSync(path).mtimeMs;
  nowMs += HOUR_MS / 2;
  store.records.touch(record.key.id);
  expect(statSync(path).mtimeMs).toBe(written);
  nowMs += HOUR_MS;
  store.records.touch(record.key.id);
  expect(statSync(path).mtimeMs).toBeGreaterThan(written + HOUR_MS);
});

test("the latest record of a place in a Dockerfile is found, whatever its key", () => {
  using dir = tempDir("records");
  using store = openStore(dir.path);
  const [a, b] = [recordOf("a"), recordOf("b")];
  const elsewhere = recordOf("c", { about: { ...a.about, stage: "1" } });
  for (const record of [a, b, elsewhere]) store.records.put(record, false);
  expect(store.records.latestFor(a.about)).toEqual(b);
  expect(store.records.latestFor(elsewhere.about)).toEqual(elsewhere);
  store.records.noteLatest(a.about, a.key.id);
  expect(store.records.latestFor(a.about)).toEqual(a);
  expect(store.records.latestFor({ ...a.about, ordinal: 99 })).toBeUndefined();
});
