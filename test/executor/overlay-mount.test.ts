import { expect, test } from "vitest";
import { overlayMount } from "../../src/executor/overlay-mount.ts";

const PLACE = { scaffold: "/store/scaffold", linkDirectory: "/store/run/links", inUserNamespace: false };

function overlay(lowers: readonly string[]) {
  return { type: "overlay", lowers, upper: "/store/w/upper", work: "/store/w/work" } as const;
}

test("names are relative to the directory above them all, and the scaffold is at the bottom", () => {
  const mount = overlayMount(overlay(["/store/layers/b", "/store/layers/a"]), PLACE);
  expect(mount).toEqual({
    directory: "/store/",
    options:
      "lowerdir=layers/b:layers/a:scaffold,upperdir=w/upper,workdir=w/work,redirect_dir=nofollow,metacopy=off,index=off,volatile",
    links: [],
  });
});

test("a user namespace keeps its marks in user xattrs", () => {
  expect(overlayMount(overlay([]), { ...PLACE, inUserNamespace: true }).options).toMatch(/,userxattr$/);
});

test.each([
  { name: "a colon", lowers: ["/store/a:b"] },
  { name: "a comma", lowers: ["/store/a,upperdir=/etc"] },
  { name: "a backslash", lowers: ["/store/a\\b"] },
  {
    name: "more than a page of names",
    lowers: Array.from({ length: 499 }, (_, i) => `/store/layers/twenty-characters-${i}`),
  },
])("$name goes behind short links", ({ lowers }) => {
  const mount = overlayMount(overlay(lowers), PLACE);
  expect(mount.directory).toBe("/store/run/links/");
  expect(Buffer.byteLength(mount.options)).toBeLessThan(4096);
  expect(mount.links.map(([, target]) => target)).toEqual([
    ...lowers,
    "/store/scaffold",
    "/store/w/upper",
    "/store/w/work",
  ]);
});

test("a full stack of 500 gets no scaffold", () => {
  const lowers = Array.from({ length: 500 }, (_, i) => `/store/${i}`);
  expect(overlayMount(overlay(lowers), PLACE).links.length).toBe(0);
  expect(overlayMount(overlay(lowers), PLACE).options).not.toContain("scaffold");
});
