import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  findReference,
  formatFamiliar,
  formatFull,
  formatRepository,
  parseReference,
  refNameForOci,
  withDefaultTag,
} from "../../src/core/reference.ts";
import { sharedData } from "../helpers/shared-data.ts";

interface Row {
  readonly input: string;
  readonly error: boolean;
  readonly domain?: string;
  readonly path?: string;
  readonly tag?: string;
  readonly name?: string;
  readonly canonical?: string;
  readonly familiar?: string;
  readonly with_default_tag?: string;
  readonly message?: string;
}

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;
const recorded = sharedData("conformance/parser/references.json");
const rows: readonly Row[] = recorded === undefined ? [] : JSON.parse(readFileSync(recorded, "utf8"));
/** The recorder was linked without sha256 and so refused every digest; Docker itself takes them (tested below). */
const isRecordersFault = (row: Row) => row.message === "unsupported digest algorithm";

describe.skipIf(rows.length === 0)("the recorded table of Docker's normalisation", () => {
  test("has one row that its recorder could not answer", () => {
    expect(rows.filter(isRecordersFault).map((row) => row.input)).toEqual([`example.com/foo@${DIGEST}`]);
  });

  test.each(rows.filter((row) => !row.error).map((row) => ({ name: row.input, row })))("$name", ({ row }) => {
    const reference = parseReference(row.input);
    expect({
      domain: reference.domain,
      path: reference.path,
      tag: reference.tag,
      name: formatRepository(reference),
      canonical: formatFull(reference),
      familiar: formatFamiliar(reference),
      with_default_tag: formatFull(withDefaultTag(reference)),
    }).toEqual({
      domain: row.domain,
      path: row.path,
      tag: row.tag,
      name: row.name,
      canonical: row.canonical,
      familiar: row.familiar,
      with_default_tag: row.with_default_tag,
    });
  });

  const refused = rows.filter((row) => row.error && !isRecordersFault(row));
  test.each(refused.map((row) => ({ name: row.input, input: row.input })))("refuses $name", ({ input }) => {
    expect(() => parseReference(input)).toThrow(expect.objectContaining({ code: "image/bad-reference" }));
    expect(findReference(input)).toBeUndefined();
  });
});

describe("digests", () => {
  test.each([
    {
      name: "alone",
      input: `foo@${DIGEST}`,
      full: `docker.io/library/foo@${DIGEST}`,
      familiar: `foo@${DIGEST}`,
    },
    {
      name: "after a tag",
      input: `localhost:5000/a/b:1@${DIGEST}`,
      full: `localhost:5000/a/b:1@${DIGEST}`,
      familiar: `localhost:5000/a/b:1@${DIGEST}`,
    },
  ])("$name: kept, and no tag is added", ({ input, full, familiar }) => {
    const reference = withDefaultTag(parseReference(input));
    expect(formatFull(reference)).toBe(full);
    expect(formatFamiliar(reference)).toBe(familiar);
  });

  test.each([
    "foo@",
    "foo@sha256:abc",
    `foo@${DIGEST}0`,
    `foo@${DIGEST}@${DIGEST}`,
    "foo@sha256:../../x",
    `foo:@${DIGEST}`,
  ])("refuses %s", (input) => {
    expect(findReference(input)).toBeUndefined();
  });
});

test.each([
  { name: "a plain tag", input: "hello:1.0.0", expected: "hello:1.0.0" },
  { name: "a registry with a port", input: "localhost:5000/a/b:1", expected: "localhost:5000/a/b:1" },
  { name: "two underscores", input: "foo__bar:1", expected: undefined },
  { name: "three dashes", input: "foo---bar:1", expected: undefined },
  { name: "an IPv6 host", input: "[::1]:5000/foo:1", expected: undefined },
  { name: "a tag that ends in a dot", input: "foo:1.", expected: undefined },
])("the OCI ref.name of $name", ({ input, expected }) => {
  expect(refNameForOci(parseReference(input))).toBe(expected);
});

test("familiar and full names read back as the same reference", () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}$/);
  const host = fc.constantFrom(
    "docker.io",
    "localhost",
    "localhost:5000",
    "example.com",
    "EXAMPLE",
    "[::1]:5000",
    "a:1",
  );
  const tag = fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}$/), { nil: undefined });
  fc.assert(
    fc.property(host, fc.array(component, { minLength: 1, maxLength: 3 }), tag, (domain, parts, tagText) => {
      const path = parts.join("/");
      const reference = parseReference(`${domain}/${path}${tagText === undefined ? "" : `:${tagText}`}`);
      expect(parseReference(formatFull(reference))).toEqual(reference);
      expect(parseReference(formatFamiliar(reference))).toEqual(reference);
    }),
  );
});

test("hostile names are answered in linear time", () => {
  expect(findReference(`${"a-".repeat(50_000)}!`)).toBeUndefined();
  expect(findReference(`${"a.".repeat(50_000)}/b`)).toBeUndefined();
});
