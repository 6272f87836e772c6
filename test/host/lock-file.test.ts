import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LockFile, type LockMode } from "../../src/host/lock-file.ts";
import { tempDir } from "../helpers/temp-dir.ts";

test.each([
  { name: "exclusive beside exclusive", first: "exclusive", second: "exclusive", granted: false },
  { name: "shared beside exclusive", first: "exclusive", second: "shared", granted: false },
  { name: "exclusive beside shared", first: "shared", second: "exclusive", granted: false },
  { name: "shared beside shared", first: "shared", second: "shared", granted: true },
] satisfies { name: string; first: LockMode; second: LockMode; granted: boolean }[])(
  "$name: $granted",
  ({ first, second, granted }) => {
    using dir = tempDir("lock");
    const path = join(dir.path, "lock");
    using holder = new LockFile(path);
    using other = new LockFile(path);
    expect(holder.acquire(first, 0)).toBe(true);
    expect(other.acquire(second, 0)).toBe(granted);
    other.release();
    holder.release();
    expect(other.acquire("exclusive", 0)).toBe(true);
    expect(statSync(path).size).toBe(0);
    expect(readdirSync(dir.path)).toEqual(["lock"]);
  },
);

test("the kernel gives back the lock of a process that was killed", async () => {
  using dir = tempDir("lock");
  const path = join(dir.path, "lock");
  const module = join(import.meta.dirname, "..", "..", "src", "host", "lock-file.ts");
  const script = `import { LockFile } from ${JSON.stringify(module)};
    new LockFile(${JSON.stringify(path)}).acquire("exclusive", 0);
    console.log("held"); process.stdin.resume();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  using lock = new LockFile(path);
  expect(lock.acquire("shared", 0)).toBe(false);
  child.kill("SIGKILL");
  await once(child, "close");
  expect(lock.acquire("exclusive", 0)).toBe(true);
});

test("without leave to make the file, a missing one is not made and not locked", () => {
  using dir = tempDir("lock");
  const path = join(dir.path, "a?b%41 #c");
  using lock = new LockFile(path, { create: false });
  expect(lock.acquire("exclusive", 0)).toBe(false);
  expect(existsSync(path)).toBe(false);
  using maker = new LockFile(path);
  maker.acquire("shared", 0);
  maker.release();
  expect(lock.acquire("exclusive", 0)).toBe(true);
  expect(readdirSync(dir.path)).toEqual(["a?b%41 #c"]);
});
