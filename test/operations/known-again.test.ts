import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createEngine } from "../../src/engine.ts";
import { tempDir } from "../helpers/temp-dir.ts";

test("a step below one that was made anew with the same content hits, whatever times that one has", async () => {
  using dir = tempDir("known-again");
  const context = join(dir.path, "context");
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), "FROM scratch AS one\nCOPY a /a\nFROM one\nCOPY b /b\n");
  for (const name of ["a", "b"]) writeFileSync(join(context, name), name);
  await using engine = await createEngine({ home: join(dir.path, "store") });
  const first = await engine.build({ context }).result;
  utimesSync(join(context, "a"), 1_000_000, 1_000_000);
  await engine.build({ context, target: "one", noCache: true }).result;
  const again = await engine.build({ context }).result;
  expect(again.steps.map(({ result }) => result)).toEqual(["HIT", "HIT", "HIT", "HIT"]);
  const layers = (steps: typeof again.steps) => steps.map(({ layer }) => layer?.diffId);
  expect(layers(again.steps)[1]).not.toBe(layers(first.steps)[1]);
  expect(layers(again.steps)[3]).toBe(layers(first.steps)[3]);
  expect(await engine.shop.store.verify()).toEqual([]);
});
