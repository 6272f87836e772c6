import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const TAGGER = join(import.meta.dirname, "children", "tagger.ts");
const ROUNDS = 25;

async function tagMany(home: string, name: string): Promise<string> {
  const child = spawn(process.execPath, [TAGGER, home, name, String(ROUNDS)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const [code]: unknown[] = await once(child, "close");
  return code === 0 ? "" : `${name} ended with ${String(code)}: ${errors}`;
}

test("four processes that build, tag and prune at once lose nothing and trip over nothing", async () => {
  using dir = tempDir("together");
  const names = ["a", "b", "c", "d"];
  expect(await Promise.all(names.map((name) => tagMany(dir.path, name)))).toEqual(["", "", "", ""]);

  using store = openStore(dir.path);
  const expected = names.flatMap((name) =>
    Array.from({ length: ROUNDS }, (_, round) => `docker.io/library/${name}:${round}`),
  );
  expect(
    store.images
      .list()
      .flatMap((image) => image.names)
      .toSorted(),
  ).toEqual(expected.toSorted());
  expect(await store.verify()).toEqual([]);
  const index: { manifests: { annotations: Record<string, string> }[] } = JSON.parse(
    readFileSync(store.paths.index, "utf8"),
  );
  const shown = index.manifests.map(({ annotations }) => annotations["io.containerd.image.name"] ?? "");
  expect(shown.toSorted()).toEqual(expected.toSorted());
}, 120_000);
