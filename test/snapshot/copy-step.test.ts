import { describe, expect, test } from "vitest";
import { isBuildError } from "../../src/core/errors.ts";
import type { CopyOp } from "../../src/core/step.ts";
import { readSources, runCopy } from "../../src/snapshot/copy-step.ts";
import { describeEntries, memoryView } from "../helpers/memory-layer.ts";

const context = memoryView({
  "f.txt": { content: "f" },
  "g.txt": { content: "g", mode: 0o600 },
  "d/a": { content: "a" },
  "d/sub/b": { content: "b", mode: 0o755 },
  d: { mode: 0o700 },
  "d/sub": { mode: 0o711 },
  link: { kind: "symlink", target: "d" },
});
const base = memoryView({
  "etc/passwd": { content: "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/:/bin/sh\n" },
  "etc/group": { content: "root:x:0:\nadm:x:4:\n" },
  present: { mode: 0o750, uid: 5 },
  "present/sub": { mode: 0o755, uid: 5 },
  file: { content: "in the way" },
  lnk: { kind: "symlink", target: "/present" },
  dangling: { kind: "symlink", target: "/made/here" },
});

function copy(op: Partial<CopyOp>): string[] {
  const whole: CopyOp = {
    type: "copy",
    instruction: "COPY",
    from: { type: "context", name: "" },
    sources: [],
    dest: "/",
    ...op,
  };
  readSources(whole, context);
  return describeEntries(runCopy(whole, { from: context, below: base }, 7).entries());
}

function errorCode(op: Partial<CopyOp>): string {
  try {
    copy(op);
  } catch (error) {
    if (isBuildError(error)) return error.code;
    throw error;
  }
  return "none";
}

describe("COPY writes what BuildKit's copier writes", () => {
  test.each([
    { name: "a file to a new name", op: { sources: ["f.txt"], dest: "/n" }, is: ["file 644 0:0 n"] },
    {
      name: "a file into a directory that ends in a slash",
      op: { sources: ["f.txt"], dest: "/n/" },
      is: ["dir 755 0:0 n", "file 644 0:0 n/f.txt"],
    },
    {
      name: "into what a dangling symlink names, with every directory before it",
      op: { sources: ["f.txt"], dest: "/dangling/" },
      is: ["dir 755 0:0 made", "dir 755 0:0 made/here", "file 644 0:0 made/here/f.txt"],
    },
    {
      name: "nothing for a wildcard that matches nothing",
      op: { sources: ["d/x*"], dest: "/n/" },
      is: [],
    },
    {
      name: "a file into a directory that is there",
      op: { sources: ["f.txt"], dest: "/present" },
      is: ["dir 750 5:0 present", "file 644 0:0 present/f.txt"],
    },
    {
      name: "a directory's contents, not itself",
      op: { sources: ["d"], dest: "/n" },
      is: ["dir 755 0:0 n", "file 644 0:0 n/a", "dir 711 0:0 n/sub", "file 755 0:0 n/sub/b"],
    },
    {
      name: "into a present directory, which keeps its facts; those below take the source's",
      op: { sources: ["d/"], dest: "/present" },
      is: [
        "dir 750 5:0 present",
        "file 644 0:0 present/a",
        "dir 711 0:0 present/sub",
        "file 755 0:0 present/sub/b",
      ],
    },
    {
      name: "through a symlinked destination",
      op: { sources: ["f.txt"], dest: "/lnk/x" },
      is: ["dir 750 5:0 present", "file 644 0:0 present/x"],
    },
    {
      name: "a top-level symlink is followed",
      op: { sources: ["link"], dest: "/n" },
      is: ["dir 755 0:0 n", "file 644 0:0 n/a", "dir 711 0:0 n/sub", "file 755 0:0 n/sub/b"],
    },
    {
      name: "wildcards, dotless and sorted",
      op: { sources: ["*.txt"], dest: "/n/" },
      is: ["dir 755 0:0 n", "file 644 0:0 n/f.txt", "file 600 0:0 n/g.txt"],
    },
    {
      name: "a wildcard that matches nothing copies nothing",
      op: { sources: ["*.nope"], dest: "/n/" },
      is: [],
    },
    {
      name: "--chown by name takes the user's group, parents too",
      op: { sources: ["f.txt"], dest: "/p/q/f", chown: "web" },
      is: ["dir 755 33:34 p", "dir 755 33:34 p/q", "file 644 33:34 p/q/f"],
    },
    {
      name: "--chown by number is its own group",
      op: { sources: ["f.txt"], dest: "/f", chown: "7" },
      is: ["file 644 7:7 f"],
    },
    {
      name: "--chmod octal sets directories and parents too",
      op: { sources: ["d"], dest: "/p/n", chmod: "640" },
      is: [
        "dir 640 0:0 p",
        "dir 640 0:0 p/n",
        "file 640 0:0 p/n/a",
        "dir 640 0:0 p/n/sub",
        "file 640 0:0 p/n/sub/b",
      ],
    },
    {
      name: "--chmod symbolic",
      op: { sources: ["g.txt"], dest: "/g", chmod: "u+x,g=r" },
      is: ["file 740 0:0 g"],
    },
    {
      name: "--exclude with a directory left out",
      op: { sources: ["d"], dest: "/n", exclude: ["sub"] },
      is: ["dir 755 0:0 n", "file 644 0:0 n/a"],
    },
    {
      name: "a heredoc file",
      op: { sources: [], inline: [{ name: "EOF", content: "x" }], dest: "/h" },
      is: ["file 644 0:0 h"],
    },
    {
      name: "`..` in a source is clamped at the root",
      op: { sources: ["../../f.txt"], dest: "/n" },
      is: ["file 644 0:0 n"],
    },
  ])("$name", ({ op, is }) => {
    expect(copy(op)).toEqual(is);
  });

  test("what is there already, equal in every field, is not in the layer", () => {
    const below = memoryView({ "f.txt": { content: "f" } });
    const op: CopyOp = {
      type: "copy",
      instruction: "COPY",
      from: { type: "context", name: "" },
      sources: ["f.txt"],
      dest: "/",
    };
    expect([...runCopy(op, { from: context, below }, 7).entries()]).toEqual([]);
  });
});

describe("COPY refuses, with a code", () => {
  test.each([
    { name: "a missing source", op: { sources: ["nope"], dest: "/" }, is: "context/file-not-found" },
    {
      name: "a wildcard in a missing directory",
      op: { sources: ["nope/*"], dest: "/" },
      is: "context/file-not-found",
    },
    {
      name: "a file where a directory must be",
      op: { sources: ["f.txt"], dest: "/file/x" },
      is: "copy/not-a-directory",
    },
    { name: "a directory onto a file", op: { sources: ["d"], dest: "/file" }, is: "copy/not-a-directory" },
    {
      name: "an unknown user",
      op: { sources: ["f.txt"], dest: "/x", chown: "nosuch" },
      is: "copy/bad-owner",
    },
    { name: "a bad mode", op: { sources: ["f.txt"], dest: "/x", chmod: "9z" }, is: "copy/bad-mode" },
  ])("$name", ({ op, is }) => {
    expect(errorCode(op)).toBe(is);
  });
});
