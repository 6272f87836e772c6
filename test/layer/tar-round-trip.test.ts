import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeHeader, paddingOf, type TarHeader } from "../../src/layer/tar-header.ts";
import { type Collected, collectEntries } from "../helpers/collect-entries.ts";

const header: TarHeader = {
  name: "f",
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeSeconds: 0,
  mtimeNanos: 0,
};

/** Any bytes that a file name can hold. */
const nameByte = fc.integer({ min: 1, max: 255 }).filter((byte) => byte !== 0x2f);
const component = fc
  .array(nameByte, { minLength: 1, maxLength: 120 })
  .map((bytes) => String.fromCharCode(...bytes));
const name = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const anyBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const xattrName = component.filter((text) => !text.includes("="));

const anyHeader = fc.record({
  name,
  type: fc.constantFrom("file", "symlink", "hardlink", "char", "block", "fifo"),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
  gid: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
  mtimeSeconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  mtimeNanos: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 })),
  linkName: name,
  major: fc.integer({ min: 0, max: 2 ** 22 }),
  minor: fc.integer({ min: 0, max: 2 ** 22 }),
  xattrs: fc.dictionary(xattrName, anyBytes, { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
  content: fc.uint8Array({ maxLength: 1500 }),
});

function withoutPlace(entry: Collected) {
  const { offset, sparse, ...rest } = entry;
  expect([offset % 512, sparse]).toEqual([0, undefined]);
  return rest;
}

test("what is written is what is read, whatever the names, numbers, times, xattrs and pieces", () => {
  fc.assert(
    fc.property(
      fc.array(anyHeader, { maxLength: 4 }),
      fc.integer({ min: 1, max: 700 }),
      (members, pieceSize) => {
        const written = members.map(({ content, ...facts }) => {
          const size = facts.type === "file" ? content.length : 0;
          const isDevice = facts.type === "char" || facts.type === "block";
          const isLink = facts.type === "symlink" || facts.type === "hardlink";
          return {
            ...facts,
            size,
            linkName: isLink ? facts.linkName : "",
            major: isDevice ? facts.major : 0,
            minor: isDevice ? facts.minor : 0,
            bytes: Buffer.from(content.subarray(0, size)),
          };
        });
        const tar = written.flatMap((member) => [
          encodeHeader(member),
          member.bytes,
          Buffer.alloc(paddingOf(member.size)),
        ]);
        const read = collectEntries(Buffer.concat([...tar, Buffer.alloc(1024)]), pieceSize);
        expect(read.map(withoutPlace)).toEqual(written);
      },
    ),
    { numRuns: 150 },
  );
});

describe("a header takes no more than it needs", () => {
  test.each([
    { name: "a plain name", header: {}, bytes: 512 },
    { name: "a name of 100 bytes", header: { name: "n".repeat(100) }, bytes: 512 },
    {
      name: "a path that splits at a slash",
      header: { name: `${"d".repeat(150)}/${"n".repeat(100)}` },
      bytes: 512,
    },
    {
      name: "a directory whose only late slash is its last",
      header: { name: `${"d".repeat(120)}/` },
      bytes: 1536,
    },
    { name: "a name of 101 bytes", header: { name: "n".repeat(101) }, bytes: 1536 },
    { name: "a name that is not ASCII", header: { name: "\xc3\xbc\xff" }, bytes: 512 },
    { name: "the largest uid that fits", header: { uid: 2_097_151 }, bytes: 512 },
    { name: "one more", header: { uid: 2_097_152 }, bytes: 1536 },
    { name: "8 GiB less a byte", header: { size: 8 * 1024 ** 3 - 1 }, bytes: 512 },
    { name: "8 GiB", header: { size: 8 * 1024 ** 3 }, bytes: 1536 },
    { name: "a time before 1970", header: { mtimeSeconds: -1 }, bytes: 1536 },
    { name: "a fraction of a second", header: { mtimeNanos: 1 }, bytes: 1536 },
  ])("$name: $bytes bytes", ({ header: more, bytes }) => {
    expect(encodeHeader({ ...header, ...more })).toHaveLength(bytes);
  });
});

test("a header that claims 20 GiB is read as such, without its data", () => {
  const size = 20 * 1024 ** 3;
  expect(() => collectEntries(encodeHeader({ ...header, size }))).toThrow("ends in the middle");
});

const text = (mtimeSeconds: number, mtimeNanos: number) =>
  encodeHeader({ ...header, mtimeSeconds, mtimeNanos }).toString("latin1", 512, 560);

test("times print as PAX has them", () => {
  expect(text(1_700_000_000, 500_000_000)).toContain(" mtime=1700000000.5\n");
  expect(text(-1, 500_000_000)).toContain(" mtime=-0.5\n");
  expect(text(-2, 0)).toContain(" mtime=-2\n");
});
