import { describe, expect, test } from "vitest";
import { encodePath } from "../../src/core/byte-path.ts";
import { parseDiffId, requireChainId, requireContentChain, requireDigest } from "../../src/core/digest.ts";
import type { TocEntry } from "../../src/core/file-tree.ts";
import { chainId, EMPTY_CONTENT, nextContent } from "../../src/layer/chain.ts";
import { contentDigestOfToc, TocBuilder, tocEntries, toToc } from "../../src/layer/toc.ts";
import { decodeToc, encodeToc } from "../../src/layer/toc-file.ts";

const digest = (digit: string) => requireDigest(`sha256:${digit.repeat(64)}`);
const entry = (path: string, more: Partial<TocEntry> = {}): TocEntry => ({
  path: encodePath(path),
  kind: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 3,
  mtimeSeconds: 1,
  mtimeNanos: 0,
  ...more,
});

const samples: TocEntry[] = [
  entry("", { kind: "dir", size: 0 }),
  entry("a", { kind: "dir", size: 0, mode: 0o1777 }),
  entry("a/file", {
    digest: digest("a"),
    offset: 512,
    mtimeNanos: 7,
    xattrs: { "user.x": "\0\xff", __proto__x: "" },
  }),
  entry("a/ünï\ncode", { digest: digest("b"), offset: 1024, uid: 4_000_000_000 }),
  entry("a/link", { kind: "symlink", size: 0, target: "../\xff" }),
  entry("a/hard", { kind: "hardlink", size: 0, target: "a/file" }),
  entry("a/null", { kind: "char", size: 0, major: 1, minor: 3 }),
  entry("a/disk", { kind: "block", size: 0, major: 8, minor: 0 }),
  entry("a/pipe", { kind: "fifo", size: 0, mtimeSeconds: -5 }),
  entry("a/gone", { kind: "whiteout", size: 0 }),
  entry("a", { kind: "opaque", size: 0 }),
];

describe("a table of contents on disk", () => {
  test("is read as it was written", () => {
    const builder = new TocBuilder();
    for (const sample of samples) builder.add(sample);
    builder.add(entry("sparse", { digest: digest("c"), size: 9000 }), [0, 10, 4096, 8000, 512, 4106]);
    const toc = builder.build();
    const read = decodeToc(encodeToc(toc));
    expect(read).toEqual(toc);
    expect([...tocEntries(toc)].slice(0, samples.length)).toEqual(samples);
  });

  test("may be empty", () => {
    expect(decodeToc(encodeToc(toToc([])))).toEqual(toToc([]));
  });

  test("shows UTF-8 names as they are", () => {
    expect(encodeToc(toToc(samples)).toString("utf8")).toContain("ünï");
  });

  test("is not believed where a single bit is another", () => {
    const whole = encodeToc(toToc(samples));
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(decodeToc(damaged)).toBeUndefined();
    }
  });

  test.each([0, 10, 79, 80, 300])("is not believed where it is cut off after %i bytes", (length) => {
    expect(decodeToc(encodeToc(toToc(samples)).subarray(0, length))).toBeUndefined();
  });
});

describe("the content digest of a table", () => {
  const base = toToc(samples);

  test("is the same for other times, offsets and another order", () => {
    const later = samples.map((sample) => ({ ...sample, mtimeSeconds: 99, mtimeNanos: 1, offset: 77 }));
    expect(contentDigestOfToc(toToc(later.toReversed()))).toBe(contentDigestOfToc(base));
  });

  test.each<{ name: string; change: Partial<TocEntry> }>([
    { name: "mode", change: { mode: 0o600 } },
    { name: "uid", change: { uid: 1 } },
    { name: "gid", change: { gid: 1 } },
    { name: "content", change: { digest: digest("d") } },
    { name: "path", change: { path: encodePath("a/fil") } },
    { name: "type", change: { kind: "fifo" } },
    { name: "target", change: { target: "x" } },
    { name: "xattr value", change: { xattrs: { "user.x": "\0" } } },
    { name: "xattr name", change: { xattrs: { "user.y": "\0\xff" } } },
  ])("is another for another $name", ({ change }) => {
    const changed = samples.map((sample) => (sample.path === "a/file" ? { ...sample, ...change } : sample));
    expect(contentDigestOfToc(toToc(changed))).not.toBe(contentDigestOfToc(base));
  });

  test("does not depend on the order in which xattrs were read", () => {
    const one = toToc([entry("f", { xattrs: { "user.a": "1", "user.b": "2" } })]);
    const other = toToc([entry("f", { xattrs: { "user.b": "2", "user.a": "1" } })]);
    expect(contentDigestOfToc(one)).toBe(contentDigestOfToc(other));
  });

  test("keeps apart what runs together when written without lengths", () => {
    const one = toToc([entry("f", { kind: "symlink", target: "a;1,2" })]);
    const other = toToc([entry("f", { kind: "symlink", target: "a", major: 1, minor: 2 })]);
    expect(contentDigestOfToc(one)).not.toBe(contentDigestOfToc(other));
  });
});

const diff = (digit: string) => parseDiffId(`sha256:${digit.repeat(64)}`)!;

describe("addresses of stacks", () => {
  test("the first chain id is the diff id; the next hashes both (OCI image-spec)", () => {
    const first = chainId(undefined, diff("1"));
    expect(first).toBe(requireChainId(`sha256:${"1".repeat(64)}`));
    // printf 'sha256:11…1 sha256:22…2' | sha256sum
    expect(chainId(first, diff("2"))).toBe(
      "sha256:9932074217c35353d2e03a3f5a86549f7c67bfeb0ba53e23d69f4d4c8f7958f5",
    );
  });

  test("a layer without entries leaves the content as it is", () => {
    const below = requireContentChain(`sha256:${"3".repeat(64)}`);
    expect(nextContent(below, toToc([]))).toBe(below);
    expect(nextContent(undefined, toToc([]))).toBe(EMPTY_CONTENT);
  });

  test("content depends on the table and on what lies below", () => {
    const table = toToc(samples);
    const first = nextContent(undefined, table);
    expect(nextContent(EMPTY_CONTENT, table)).toBe(first);
    expect(nextContent(first, table)).not.toBe(first);
  });
});
