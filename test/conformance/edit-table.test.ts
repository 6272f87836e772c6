import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CacheModelName } from "../../src/core/cache-key.ts";
import { sharedData } from "../helpers/shared-data.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { importBusybox } from "./busybox-base.ts";
import {
  dockerfileOf,
  resultOf,
  TABLE,
  TABLE_MODELS,
  type TableRow,
  writeTableContext,
} from "./edit-table.ts";
import { EngineAdapter } from "./engine-adapter.ts";
import { LibraryAdapter } from "./library-adapter.ts";

const work = tempDir("edit-table");
const template = join(work.path, "template");
const isHere = sharedData("conformance/base/make-base.sh") !== undefined;

beforeAll(async () => {
  if (isHere) await importBusybox(new EngineAdapter(template), work.path, "localhost/busybox:latest");
});
afterAll(() => work[Symbol.dispose]());

describe.runIf(isHere).each(TABLE_MODELS)("%s: the second build after one edit", (model) => {
  test.each(TABLE)("$edit", async (row) => {
    expect(await secondBuild(row, model)).toBe(resultOf(row, model));
  });
});

async function secondBuild(row: TableRow, model: CacheModelName): Promise<string> {
  const directory = join(work.path, `${model} ${TABLE.indexOf(row)}`);
  const context = join(directory, "context");
  const home = join(directory, "store");
  mkdirSync(directory);
  cpSync(template, home, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  const engine = process.getuid?.() === 0 ? new LibraryAdapter(home) : new EngineAdapter(home);
  const build = async (
    text: string,
    how: { readonly buildArgs?: TableRow["argsAfter"]; readonly labels?: TableRow["labelsAfter"] },
  ) => {
    const dockerfile = join(directory, "Dockerfile");
    writeFileSync(dockerfile, dockerfileOf(text));
    const { buildArgs = {}, labels = {} } = how;
    const built = await engine.build({
      context,
      dockerfile,
      tag: "table:1",
      buildArgs,
      labels,
      cacheModel: model,
    });
    expect(built.error).toBe(null);
    return built.steps
      .filter(({ instruction }) => /^\s*(run|copy|add|workdir)\b/i.test(instruction))
      .map(({ result }) => result[0])
      .join("");
  };
  writeTableContext(context);
  await build(row.before, { buildArgs: row.argsBefore });
  row.change?.(context);
  return await build(row.after ?? row.before, { buildArgs: row.argsAfter, labels: row.labelsAfter });
}
