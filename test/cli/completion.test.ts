import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

function complete(words: readonly string[]): readonly string[] {
  using dir = tempDir("completion");
  const script = join(dir.path, "tsbuild.bash");
  writeFileSync(script, tsbuild(["completion", "bash"], { home: join(dir.path, "store") }).stdout);
  const ask = `source ${script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tsbuild; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const done = spawnSync("bash", ["--norc", "-c", ask, "bash", ...words], {
    encoding: "utf8",
    cwd: dir.path,
  });
  expect(done.stderr).toBe("");
  return done.stdout.split("\n").filter((word) => word !== "");
}

describe("completion in bash", () => {
  test("the script parses", () => {
    using dir = tempDir("completion");
    const { stdout } = tsbuild(["completion", "bash"], { home: join(dir.path, "store") });
    expect(spawnSync("bash", ["-n"], { input: stdout, encoding: "utf8" })).toMatchObject({
      status: 0,
      stderr: "",
    });
  });

  test.each([
    { name: "a command", words: ["tsbuild", "exp"], expected: ["explain", "export"] },
    { name: "a command of a group", words: ["tsbuild", "cache", "pr"], expected: ["prune"] },
    { name: "a flag of a command", words: ["tsbuild", "explain", "--st"], expected: ["--step"] },
    {
      name: "a flag of a command of two words",
      words: ["tsbuild", "cache", "prune", "--keep"],
      expected: ["--keep-storage"],
    },
    {
      name: "a flag of the build without its name",
      words: ["tsbuild", "--no-"],
      expected: ["--no-cache", "--no-cache-filter"],
    },
    {
      name: "a file where a flag takes one",
      words: ["tsbuild", "--file", "tsb"],
      expected: ["tsbuild.bash"],
    },
    { name: "a folder to build", words: ["tsbuild", "build", "tsb"], expected: ["tsbuild.bash"] },
  ])("offers $name", ({ words, expected }) => {
    expect(complete(words)).toEqual(expected);
  });

  test("hides flags that do nothing here", () => {
    expect(complete(["tsbuild", "build", "--"])).not.toContain("--force-rm");
  });
});

test.each(["zsh", "fish"])("a script for %s names every command", (shell) => {
  using dir = tempDir("completion");
  const { stdout } = tsbuild(["completion", shell], { home: join(dir.path, "store") });
  for (const word of ["explain", "doctor", "verify", "run", "image", "cache"]) expect(stdout).toContain(word);
});
