import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Executor } from "../../src/core/ports.ts";
import { processesWith, Rig, runCaptured, until } from "../executor/rig.ts";
import { EXECUTORS } from "./executors.ts";

describe.each(EXECUTORS)("the $name executor", ({ name, create }) => {
  let rig: Rig;
  let executor: Executor;
  beforeAll(() => {
    rig = new Rig();
    executor = create(rig.dir);
  });
  afterAll(() => rig[Symbol.dispose]());

  test("ends background processes with the command", async () => {
    const marker = `98765.${process.pid}${name.length}`;
    const { exitCode } = await rig.shell(executor, `sleep ${marker} & setsid sleep ${marker} & exit 0`);
    expect(exitCode).toBe(0);
    expect(processesWith(marker)).toEqual([]);
  });

  test("asks a canceled command to end", async () => {
    const abort = new AbortController();
    let text = "";
    const script = "trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    const run = runCaptured(executor, rig.spec(["sh", "-c", script]), abort.signal, (more) => {
      text += more;
      if (text.includes("ready")) abort.abort();
    });
    await expect(run).rejects.toMatchObject({ code: "cli/canceled" });
    expect(text).toContain("asked");
  });

  test("ends a canceled command that does not listen, with all it started", async () => {
    const marker = `87654.${process.pid}${name.length}`;
    const abort = new AbortController();
    const script = `trap '' TERM; sh -c "trap '' TERM; echo ready; while :; do sleep ${marker}; done"`;
    const run = runCaptured(executor, rig.spec(["sh", "-c", script]), abort.signal, () => abort.abort());
    await expect(run).rejects.toMatchObject({ code: "cli/canceled" });
    expect(processesWith(marker)).toEqual([]);
    expect(readdirSync(rig.state)).toEqual([]);
  });

  test("starts nothing once canceled", async () => {
    await expect(runCaptured(executor, rig.spec(["true"]), AbortSignal.abort())).rejects.toMatchObject({
      code: "cli/canceled",
    });
  });

  test("leaves no process, mount or control group when its engine is killed", async () => {
    const marker = `76543.${process.pid}${name.length}`;
    const engine = spawn(
      process.execPath,
      [fileURLToPath(new URL("run-one.ts", import.meta.url)), name, rig.dir, marker],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    let text = "";
    engine.stdout.on("data", (bytes: Buffer) => (text += bytes.toString()));
    await until(() => text.includes("ready"));
    expect(processesWith(marker).length).toBeGreaterThan(1);
    engine.kill("SIGKILL");
    await until(() => processesWith(rig.dir).length === 0 && processesWith(marker).length === 0);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(rig.dir);
    expect(
      controlGroups().filter((group) => group.includes("tsbuild-run-") || group.endsWith("/run")),
    ).toEqual([]);
    // What is left is files in the lease's own directory, which the next command sweeps.
    expect(readdirSync(rig.upper)).toEqual([]);
  });
});

function controlGroups(): string[] {
  try {
    return readdirSync("/sys/fs/cgroup", { recursive: true }).map(String);
  } catch {
    return [];
  }
}
