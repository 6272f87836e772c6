import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { collectBase } from "../../src/base/collect-base.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { writeEntries } from "../helpers/write-entries.ts";

/** Runs a shell line with the directory as its whole file system. */
function inRoot(directory: string, line: string): string {
  const own = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const env = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };
  const done = spawnSync("/usr/bin/unshare", [...own, "--root", directory, "/bin/sh", "-c", line], {
    encoding: "utf8",
    env,
  });
  return done.stdout + done.stderr;
}

test("every usual program of this machine starts in the base that is made of them", () => {
  using dir = tempDir("base");
  const { entries, programs } = collectBase([]);
  writeEntries(dir.path, entries);
  // A program without its libraries ends with 127 before it reads its arguments. There is no /dev/null here.
  const tries = programs.map(
    (program) => `${program} --version </etc/passwd >/tmp/out 2>&1; [ $? -ge 126 ] && echo ${program}`,
  );
  expect(inRoot(dir.path, tries.join("\n"))).toBe("");
});

test("the base works as a system: names, pipes, archives", () => {
  using dir = tempDir("base");
  writeEntries(dir.path, collectBase([]).entries);
  expect(
    inRoot(
      dir.path,
      "id -un; cd /tmp; echo b > b; echo a > a; tar -cf x.tar a b; tar -tf x.tar | sort -r | head -1; pwd",
    ),
  ).toBe("root\nb\n/tmp\n");
  expect(inRoot(dir.path, "cat /etc/os-release | grep -c ID; ls -ld /tmp | cut -c1-10")).toMatch(
    /^\d+\ndrwxrwxrwt\n$/,
  );
});
