import { describe, expect, test } from "vitest";
import { parseGitAddress } from "../../src/core/git-address.ts";
import { maskAddresses, redactAddresses } from "../../src/core/redact-address.ts";

describe("credentials of an address are covered", () => {
  test.each([
    { text: "ADD https://name:pass@host/f /x", is: "ADD https://***@host/f /x" },
    { text: "https://token@host/x.git#main", is: "https://***@host/x.git#main" },
    { text: "ssh://git@host/x and ssh://git:pass@host/x", is: "ssh://git@host/x and ssh://git:***@host/x" },
    { text: "git@host:x.git", is: "git@host:x.git" },
    { text: "https://host/a@b http://host:80/c@d", is: "https://host/a@b http://host:80/c@d" },
  ])("$text", ({ text, is }) => {
    expect(redactAddresses(text)).toBe(is);
    expect(maskAddresses(text)).toHaveLength(text.length);
    expect(maskAddresses(text)).not.toContain("pass");
  });
});

describe("an address of a repository", () => {
  const nothing = {
    ref: "",
    subdir: "",
    checksum: "",
    submodules: true,
    mtime: "checkout",
    fetchByCommit: false,
  };
  test.each([
    { text: "https://h/x.git", is: { remote: "https://h/x.git" } },
    { text: "https://h/x.git#dev:a/../b/", is: { remote: "https://h/x.git", ref: "dev", subdir: "b" } },
    { text: "https://h/x.git#:b", is: { subdir: "b" } },
    {
      text: "https://h/x.git?tag=v1&subdir=/b&keep-git-dir",
      is: { ref: "refs/tags/v1", subdir: "b", keepGitDir: true },
    },
    { text: "git@h:o/x#dev", is: { remote: "git@h:o/x", ref: "dev" } },
    {
      text: "git@h:o/x?branch=a/b&submodules=0",
      is: { remote: "git@h:o/x", ref: "refs/heads/a/b", submodules: false },
    },
    { text: "ssh://git@h:22/o/x", is: { remote: "ssh://git@h:22/o/x" } },
    { text: "git://h/x", is: { remote: "git://h/x" } },
    { text: "https://h/x.git?ref=v1&commit=ABCDEF12", is: { ref: "v1", checksum: "abcdef12" } },
  ])("is read as BuildKit reads it: $text", ({ text, is }) => {
    expect(parseGitAddress(text)).toMatchObject({ ...nothing, ...is });
  });

  test.each([
    "https://h/x",
    "https://h/x.git/",
    "./x.git",
    "github.com/o/x",
    "file:///x.git",
    "ext::sh -c x",
    "x@y",
  ])("is none: %s", (text) => {
    expect(parseGitAddress(text)).toBeUndefined();
  });

  test("without a scheme is one for contexts", () => {
    expect(parseGitAddress("github.com/o/x#dev", true)).toMatchObject({
      remote: "https://github.com/o/x",
      ref: "dev",
    });
  });

  test.each([
    "https://h/x.git#-u",
    "https://h/x.git#a..b",
    "https://h/x.git?nope=1",
    "https://h/x.git?ref=a&ref=a",
    "https://h/x.git?ref=",
    "https://h/x.git?tag=a&branch=b",
    "https://h/x.git?ref=a#b",
    "https://h/x.git?checksum=xyz",
    "https://h/x.git?mtime=now",
    "https:///x.git",
    "ssh://-oProxyCommand=x/y",
    "git@-h:x",
  ])("makes no sense: %s", (text) => {
    expect(() => parseGitAddress(text)).toThrow(expect.objectContaining({ code: "remote/bad-address" }));
  });
});
