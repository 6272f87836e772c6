import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { chooseExecutor } from "../../src/executor/choose-executor.ts";
import { lacksOf } from "../../src/executor/isolation-contract.ts";
import { recallProbe, rememberProbe } from "../../src/executor/probe-memory.ts";
import { candidatePaths, cannotStart } from "../../src/executor/program-search.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "tsbuild-home-"));
});
afterEach(() => rmSync(home, { recursive: true }));

test("an executor that does not exist is a mistake of the command line", async () => {
  await expect(chooseExecutor("docker", home)).rejects.toMatchObject({ code: "cli/usage" });
});

describe("a probe's result", () => {
  const result = { works: true, problem: null, lacks: ["no seccomp filter"], tookMs: 5 };

  test("is remembered for the program that it is about", () => {
    rememberProbe(home, "oci /usr/bin/runc", { identity: "1 2", result });
    expect(recallProbe(home, "oci /usr/bin/runc", "1 2")).toEqual(result);
    expect(recallProbe(home, "oci /usr/bin/runc", "1 3")).toBeUndefined();
    expect(recallProbe(home, "oci /usr/bin/crun", "1 2")).toBeUndefined();
  });

  test("is forgotten after a boot", () => {
    rememberProbe(home, "native", { identity: "1", result });
    const file = join(home, "executor-probe.json");
    writeFileSync(file, readFileSync(file, "utf8").replace(/boot [^;]+;/, "boot other;"));
    expect(recallProbe(home, "native", "1")).toBeUndefined();
  });

  test.each(["", "{", "[]", '{"format":2}', '{"format":1,"executors":{"native":{"subject":"x"}}}'])(
    "is not read from a file that holds %s",
    (text) => {
      writeFileSync(join(home, "executor-probe.json"), text);
      expect(recallProbe(home, "native", "x")).toBeUndefined();
    },
  );
});

test("the isolation contract names what is missing", () => {
  const lacks = lacksOf({
    status: "Pid:\t7\nCapEff:\t000001ffffffffff\nCapBnd:\t00000000a80425fb\nSeccomp:\t0\n",
    mountinfo: "",
  });
  expect(lacks.slice(0, 3)).toEqual([
    "effective capabilities are not Docker's",
    "no seccomp filter",
    "no pid namespace of its own",
  ]);
  expect(lacks).toContain("/proc/sys is writable");
});

describe("a program is looked for", () => {
  test.each([
    { name: "where it is named", program: "/bin/x", env: ["PATH=/a"], paths: ["/bin/x"] },
    { name: "below the working directory", program: "./x", env: ["PATH=/a"], paths: ["./x"] },
    { name: "along PATH", program: "x", env: ["PATH=/a::/b"], paths: ["/a/x", "./x", "/b/x"] },
    { name: "along the last PATH", program: "x", env: ["PATH=/a", "PATH=/b"], paths: ["/b/x"] },
  ])("$name", ({ program, env, paths }) => {
    expect(candidatePaths(program, env)).toEqual(paths);
  });

  test("along Docker's PATH where there is none", () => {
    expect(candidatePaths("x", []).length).toBe(6);
  });
});

test.each([
  { errnos: ["ENOENT", "ENOTDIR"], exit: 127 },
  { errnos: ["ENOENT", "EACCES", "ENOENT"], exit: 126 },
  { errnos: ["ENOEXEC"], exit: 126 },
] as const)("what could not be started for $errnos has exit code $exit", ({ errnos, exit }) => {
  const error = cannotStart(
    "x",
    [],
    errnos.map((name) => constants.errno[name]),
  );
  expect(error.details.commandExitCode).toBe(exit);
});
