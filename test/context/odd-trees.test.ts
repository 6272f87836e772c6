import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openContext } from "../../src/context/context-tree.ts";
import { NO_RULES } from "../../src/context/ignore-file.ts";
import {
  at,
  clockAhead,
  contentOf,
  makeDeep,
  makeFixture,
  pathsOf,
  recompute,
  sha256,
} from "./context-fixture.ts";

describe("what file systems hold", () => {
  test("names that are not UTF-8 are read, listed in byte order and remembered", () => {
    using fixture = makeFixture();
    const names = ["caf\xe9", "caf\xc3\xa9", "\xff", "a\nb", "caf", "\xf0\x9f\x90\xb3"];
    for (const name of names) writeFileSync(Buffer.from(`${fixture.root}/${name}`, "latin1"), name, "latin1");
    mkdirSync(Buffer.from(`${fixture.root}/d\xfe`, "latin1"));
    writeFileSync(Buffer.from(`${fixture.root}/d\xfe/x\xfd`, "latin1"), "deep");
    symlinkSync(Buffer.from("caf\xe9", "latin1"), join(fixture.root, "l"));
    using cold = fixture.open();
    expect(cold.names(at(""))).toEqual([...names, "d\xfe", "l"].toSorted((a, b) => (a < b ? -1 : 1)));
    expect(cold.merkle(at(""))).toBe(recompute(cold, at("")));
    expect(cold.resolve(at("l"), true)).toBe("caf\xe9");
    expect(cold.contentDigest(at("d\xfe/x\xfd"))).toBe(sha256("deep"));
    cold.save();
    using warm = fixture.open();
    expect(warm.merkle(at(""))).toBe(cold.merkle(at("")));
    expect(warm.save()).toBe(false);
  });

  test("a tree of 100 kB deep paths is keyed, read and remembered", () => {
    using fixture = makeFixture();
    const path = makeDeep(fixture.root, 100_000);
    using cold = fixture.open();
    const digest = cold.merkle(at(""));
    expect(contentOf(cold, at(path)).toString()).toBe("at the bottom");
    cold.save();
    using warm = fixture.open();
    expect(warm.merkle(at(""))).toBe(digest);
    expect(warm.save()).toBe(false);
    expect(warm.stats()).toEqual({ files: 1, bytes: 13 });
  });

  test("a tree of 2,500 levels overflows nothing, under ignore rules too", () => {
    using fixture = makeFixture();
    makeDeep(fixture.root, 5_000, "d");
    using tree = fixture.open({ ignore: "**\n!**/bottom" });
    using plain = fixture.open();
    expect(tree.merkle(at(""))).toBe(plain.merkle(at("")));
  });

  test("a socket is no entry, but can be told from nothing", async () => {
    using fixture = makeFixture();
    fixture.write("a", "1");
    using before = fixture.open();
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(join(fixture.root, "s"), resolve);
    });
    using tree = fixture.open();
    expect(tree.facts(at("s"))?.type).toBe("socket");
    expect(tree.names(at(""))).toEqual(["a"]);
    expect(tree.merkle(at(""))).toBe(before.merkle(at("")));
    expect(() => tree.merkle(at("s"))).toThrow(expect.objectContaining({ code: "context/unsupported-file" }));
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  test("the store is no part of a context that it lies in", () => {
    using fixture = makeFixture();
    fixture.write("a", "1");
    const home = join(fixture.root, "deep/store");
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "blob"), "1");
    using tree = openContext({ root: fixture.root, ignore: NO_RULES, home, clock: clockAhead() });
    expect(pathsOf(tree)).toEqual(["a", "deep"]);
  });
});
