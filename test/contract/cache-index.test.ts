import { describe, expect, test } from "vitest";
import type { CacheIndex } from "../../src/core/ports.ts";
import { openStore } from "../../src/store/store.ts";
import { MemoryCacheIndex } from "../helpers/memory-store.ts";
import { recordOf } from "../helpers/store-images.ts";
import { tempDir } from "../helpers/temp-dir.ts";

interface Opened extends Disposable {
  readonly index: CacheIndex;
}

function onDisk(): Opened {
  const dir = tempDir("records");
  const store = openStore(dir.path);
  return {
    index: store.records,
    [Symbol.dispose]: () => {
      store[Symbol.dispose]();
      dir[Symbol.dispose]();
    },
  };
}

describe.each([
  { name: "disk", open: onDisk },
  { name: "memory", open: (): Opened => ({ index: new MemoryCacheIndex(), [Symbol.dispose]: () => {} }) },
])("a cache index ($name)", ({ open }) => {
  test("an unknown key is a miss", () => {
    using opened = open();
    expect(opened.index.get(recordOf("a").key.id)).toBeUndefined();
  });

  test("gives back the record it was given", () => {
    using opened = open();
    const record = recordOf("ünïcode \u0000 \u{10000}", { tookMs: 12.5 });
    expect(opened.index.put(record, false)).toEqual(record);
    expect(opened.index.get(record.key.id)).toEqual(record);
  });

  test("the first record of a key wins, and the loser is told which stands", () => {
    using opened = open();
    const first = recordOf("a", { tookMs: 1 });
    opened.index.put(first, false);
    expect(opened.index.put(recordOf("a", { tookMs: 2 }), false)).toEqual(first);
    expect(opened.index.get(first.key.id)).toEqual(first);
  });

  test("with replace, the later one stands", () => {
    using opened = open();
    opened.index.put(recordOf("a", { tookMs: 1 }), false);
    const second = recordOf("a", { tookMs: 2 });
    expect(opened.index.put(second, true)).toEqual(second);
    expect(opened.index.get(second.key.id)).toEqual(second);
  });

  test("touching an unknown key is no error", () => {
    using opened = open();
    opened.index.touch(recordOf("a").key.id);
    expect(opened.index.get(recordOf("a").key.id)).toBeUndefined();
  });
});
