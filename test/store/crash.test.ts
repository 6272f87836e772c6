import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const BUSY_WRITER = join(import.meta.dirname, "children", "busy-writer.ts");
const KILLS = 30;

/** Starts a writer and ends it by kill -9 in the midst of round `rounds`. */
async function killDuring(home: string, name: string, rounds: number): Promise<string> {
  const child = spawn(process.execPath, [BUSY_WRITER, home, name], { stdio: ["ignore", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  let seen = 0;
  for await (const _line of createInterface({ input: child.stdout })) {
    seen += 1;
    if (seen > rounds) break;
  }
  child.kill("SIGKILL");
  await once(child, "close");
  return complaints;
}

test("after kill -9 at any moment the store opens without complaint, and every digest in it is right", async () => {
  using dir = tempDir("crash");
  for (let kill = 0; kill < KILLS; kill += 1) {
    expect(await killDuring(dir.path, `app${kill % 2}`, (kill * 7) % 5)).toBe("");

    const warnings: string[] = [];
    using store = openStore(dir.path, { warn: (text) => warnings.push(text) });
    {
      using lease = store.openLease("test");
      expect(readdirSync(store.paths.temp)).toEqual([lease.id]);
      expect(readdirSync(store.paths.leases).filter((name) => !name.endsWith(".lock"))).toEqual([
        `${lease.id}-test`,
      ]);
    }
    // Names point to whole images; records to whole layers: order of writing, blob before record before name.
    expect(await store.verify()).toEqual([]);
    expect(warnings).toEqual([]);
    for (const { dir: folder, layer } of store.layers.entries()) {
      if (layer === undefined) continue;
      // What a killed writer left of a tree is either whole, marker and all, or no tree.
      using _lease = store.openLease("test");
      const tree = store.layers.treeOf(layer.chainId, "");
      expect(tree === undefined || readdirSync(folder).includes("tree")).toBe(true);
    }
  }
}, 180_000);
