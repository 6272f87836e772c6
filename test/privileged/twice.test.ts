import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EPOCH, importBusybox } from "../helpers/busybox-image.ts";
import { leftovers } from "../helpers/leftovers.ts";
import { runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const work = tempDir("twice");
const home = join(work.path, "store");
const context = join(work.path, "context");

beforeAll(() => {
  importBusybox(home);
  mkdirSync(context);
});
afterAll(() => work[Symbol.dispose]());

function twice(...run: string[]) {
  writeFileSync(
    join(context, "Dockerfile"),
    ["FROM busybox", ...run.map((line) => `RUN ${line}`)].join("\n"),
  );
  return runTsbuild(["verify", "--twice", context], { home, env: EPOCH });
}

test("commands that make the same twice are the same image", () => {
  const ran = twice("mkdir -p a/b && echo x > a/b/c && ln a/b/c a/d", "rm a/d && date > /dev/null");
  expect(ran.stderr).not.toContain("error");
  expect(ran.status).toBe(0);
  expect(leftovers(home)).toEqual([]);
});

test.each([
  {
    run: "echo same > s; echo fixed-$(cat /proc/sys/kernel/random/uuid) > r",
    says: /^layer 2 \(RUN .*\): \/r content from byte 6 on: "/,
  },
  {
    run: "touch $(cat /proc/sys/kernel/random/uuid)",
    says: /^layer 2 \(RUN .*\): \/[0-9a-f-]{36} presence: /,
  },
  {
    run: "touch f; chmod $((400 + $(date +%s) % 2)) f",
    says: /^layer 2 \(RUN .*\): \/f mode: 40[01] → 40[01]$/,
  },
  { run: "ln -s $(cat /proc/sys/kernel/random/uuid) l", says: /^layer 2 \(RUN .*\): \/l target: / },
])("$run is found out", ({ run, says }) => {
  const ran = twice(run);
  expect(ran.stdout.split("\n")[0]).toMatch(says);
  expect(ran.stderr).toMatch(/error\[cli\/verify-failed\]: the two builds differ in [12] place/);
  expect(ran.status).toBe(3);
});

test("BUILDKIT_SANDBOX_HOSTNAME is the host name that commands see, and part of their key", () => {
  const out = join(work.path, "out");
  writeFileSync(join(context, "Dockerfile"), "FROM busybox\nRUN hostname > /name\n");
  const build = (name: string) => {
    const args = ["-o", out, "--build-arg", `BUILDKIT_SANDBOX_HOSTNAME=${name}`, context];
    tsbuild(args, { home });
    expect(tsbuild(args, { home }).stderr).toContain("0 misses");
    return readFileSync(join(out, "name"), "utf8");
  };
  expect([build("one"), build("two")]).toEqual(["one\n", "two\n"]);
});
