import { describe, expect, test } from "vitest";
import { parseReference } from "../../src/core/reference.ts";
import { parseCacheSource, parseCacheTarget } from "../../src/operations/cache-spec.ts";

const cache = parseReference("localhost:5000/team/cache:main");

describe("where results are shared, as people write it", () => {
  test.each([
    {
      text: "type=registry,ref=localhost:5000/team/cache:main",
      expected: { type: "registry", reference: cache },
    },
    { text: "localhost:5000/team/cache:main", expected: { type: "registry", reference: cache } },
    { text: "TYPE=local, src=/a/b", expected: { type: "local", folder: "/a/b" } },
  ])("--cache-from $text", ({ text, expected }) => {
    expect(parseCacheSource(text)).toEqual(expected);
  });

  test("--cache-to has its defaults, and all there is to choose", () => {
    expect(parseCacheTarget("type=local,dest=d")).toEqual({
      place: { type: "local", folder: "d" },
      mode: "min",
      compression: "gzip",
      ignoreError: false,
    });
    expect(parseCacheTarget("type=local,dest=d,mode=max,compression=zstd,ignore-error=true")).toMatchObject({
      mode: "max",
      compression: "zstd",
      ignoreError: true,
    });
  });

  test.each([
    { text: "type=registry,ref=x,mode=most", says: "mode=most is not known" },
    { text: "type=registry,ref=x,compression=none", says: "compression=none is not known" },
    { text: "type=local,src=x", says: "there is no src=" },
    { text: "type=local", says: "needs dest=" },
    { text: "type=registry", says: "needs ref=" },
    { text: "type=disk,dest=x", says: "type=disk is not known" },
    { text: "type=local,dest", says: "is no KEY=VALUE" },
    { text: `x@sha256:${"0".repeat(64)}`, says: "not by a digest" },
    { text: `type=registry,ref=x:${"t".repeat(64)}`, says: "at most 63 characters" },
  ])("--cache-to $text is refused", ({ text, says }) => {
    expect(() => parseCacheTarget(text)).toThrow(
      expect.objectContaining({ code: "cli/usage", message: expect.stringContaining(says) }),
    );
  });

  test.each(["inline", "gha", "s3", "azblob"])("type=%s is a real one that is not here", (type) => {
    for (const parse of [parseCacheSource, parseCacheTarget])
      expect(() => parse(`type=${type},token=x`)).toThrow(
        expect.objectContaining({ code: "cli/not-supported" }),
      );
  });
});
