import { linkSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isBuildError } from "../../src/core/errors.ts";
import { stagedPath, verifyStagedPaths } from "../../src/executor/stage-mounts.ts";
import { openBeneath } from "../../src/host/open-beneath.ts";
import { tempDir } from "../helpers/temp-dir.ts";

describe("a path opened beneath a directory", () => {
  const CASES = [
    { path: "dir/file", found: "dir/file" },
    { path: "/dir//./file", found: "dir/file" },
    { path: "../../dir/file", found: "dir/file" },
    { path: "absolute", found: "dir/file" },
    { path: "up/up/dir/file", found: "dir/file" },
    { path: "dots/dir/file", found: "dir/file" },
    { path: "", found: "." },
    { path: "outside", found: undefined },
    { path: "loop", found: undefined },
    { path: "missing/file", found: undefined },
    { path: "dir/file/more", found: undefined },
  ];
  test.each(CASES)("$path is $found", ({ path, found }) => {
    using temp = tempDir("beneath");
    const root = join(temp.path, "root");
    mkdirSync(join(root, "dir"), { recursive: true });
    writeFileSync(join(root, "dir/file"), "inside");
    writeFileSync(join(temp.path, "secret"), "outside");
    symlinkSync("/dir/file", join(root, "absolute"));
    symlinkSync("/", join(root, "up"));
    symlinkSync("../../../../../../../..", join(root, "dots"));
    symlinkSync(join(temp.path, "secret"), join(root, "outside"));
    symlinkSync("loop", join(root, "loop"));
    using opened = openBeneath(root, path);
    using expected = found === undefined ? undefined : openBeneath(root, found);
    expect(opened?.stat.ino).toBe(expected?.stat.ino);
    expect(opened === undefined).toBe(found === undefined);
  });
});

// CVE-2024-23651. Seen to fail where the two files' inodes are not compared.
test("what was mounted from a cache is looked at again, and refused where it is something else", () => {
  using temp = tempDir("staged");
  const source = join(temp.path, "cache");
  const directory = join(temp.path, "run");
  for (const path of [source, directory]) mkdirSync(path);
  writeFileSync(join(source, "file"), "meant");
  const injection = { source, beneath: "file", target: "/c", type: "file" as const, readOnly: false };
  const files = { directory, injections: [injection] };
  // A hard link has the inode that a bind mount would show.
  linkSync(join(source, "file"), stagedPath(files, injection));
  verifyStagedPaths("", files);
  renameSync(join(source, "file"), join(source, "moved"));
  symlinkSync("/etc/hostname", join(source, "file"));
  let code = "";
  try {
    verifyStagedPaths("", files);
  } catch (error) {
    code = isBuildError(error) ? error.code : String(error);
  }
  expect(code).toBe("run/workspace");
});
