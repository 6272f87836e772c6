import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { armProgram } from "../helpers/arm-program.ts";
import { leftovers } from "../helpers/leftovers.ts";
import { runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const BINFMT = "/proc/sys/fs/binfmt_misc";
const NAME = "tsbuild-test-aarch64";
const MAGIC = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const MASK = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;
const RULE = `:${NAME}:M::${MAGIC}:${MASK}:/usr/bin/qemu-aarch64-static:F`;

const work = tempDir("emulation");
const home = join(work.path, "store");
const context = join(work.path, "context");
let isMounted = false;
/** Others on this machine may have registered one: it is used then, and left alone. */
let isForeign = false;

beforeAll(() => {
  if (!existsSync(join(BINFMT, "status"))) {
    execFileSync("mount", ["-t", "binfmt_misc", "binfmt_misc", BINFMT]);
    isMounted = true;
  }
  isForeign = readdirSync(BINFMT).some((name) =>
    readFileSync(join(BINFMT, name === "register" ? "status" : name), "latin1").includes("b700"),
  );
  if (!isForeign) writeFileSync(join(BINFMT, "register"), RULE);
  mkdirSync(context);
  writeFileSync(join(context, "arm"), armProgram("made on arm64\n"), { mode: 0o755 });
  writeFileSync(join(context, "Dockerfile"), 'FROM scratch\nARG TARGETARCH\nCOPY arm /\nRUN ["/arm"]\n');
});
afterAll(() => {
  if (!isForeign && existsSync(join(BINFMT, NAME))) writeFileSync(join(BINFMT, NAME), "-1");
  if (isMounted) execFileSync("umount", [BINFMT]);
  work[Symbol.dispose]();
});

describe("RUN for another architecture, with an emulator that the kernel knows", () => {
  test.each(["native", "oci", "unshare"])("%s runs it; the second build is all hits", (executor) => {
    const store = join(work.path, `store-${executor}`);
    const out = join(work.path, `out-${executor}`);
    const args = ["--platform", "linux/arm64", "--executor", executor, "-o", out, context];
    expect(tsbuild(args, { home: store }).stderr).toContain("MISS  4/4 RUN");
    expect(readFileSync(join(out, "made-by-arm"), "utf8")).toBe("made on arm64\n");
    expect(readdirSync(out).toSorted()).toEqual(["arm", "made-by-arm"]);
    expect(tsbuild(args, { home: store }).stderr).toContain("4 hits, 0 misses");
    expect(leftovers(store)).toEqual([]);
  });

  test("doctor names the architecture", () => {
    const platforms = tsbuild(["doctor"], { home })
      .stdout.split("\n")
      .find((line) => line.includes("platforms"));
    expect(platforms).toMatch(/emulated for .*arm64/);
  });
});

test("where it is switched off, the build ends at that RUN before any work", () => {
  if (isForeign) return;
  writeFileSync(join(BINFMT, NAME), "0");
  const ran = runTsbuild(["--platform", "linux/amd64,linux/arm64", "--progress=plain", context], { home });
  writeFileSync(join(BINFMT, NAME), "1");
  expect(ran.stderr).toContain("error[run/platform]: programs of linux/arm64 cannot run");
  expect(ran.stderr).toContain("> 4 | RUN");
  expect(ran.stderr).not.toMatch(/MISS|HIT/);
  expect(ran.status).toBe(4);
});
