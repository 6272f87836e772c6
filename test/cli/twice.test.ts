import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { armProgram } from "../helpers/arm-program.ts";
import { type CliStore, cliStore } from "../helpers/cli-store.ts";
import { runTsbuild } from "../helpers/run-tsbuild.ts";
import { file } from "../helpers/tar-builder.ts";

let store: CliStore;
let context = "";

beforeAll(() => {
  store = cliStore("twice");
  context = join(store.folder, "context");
  mkdirSync(context);
  writeFileSync(join(context, "a"), "a\n");
  store.importImage("base", [file("base", "b")]);
  dockerfile("FROM base\nWORKDIR /app\nCOPY a .\nENV x=y\n");
});
afterAll(() => store[Symbol.dispose]());

function dockerfile(text: string): void {
  writeFileSync(join(context, "Dockerfile"), text);
}

/** Diff ids of a build of the context, as text. */
function layersOf(...args: string[]): string {
  const id = store.run(["-q", ...args, context]).stdout.trim();
  return store.run(["inspect", "-f", "{{json .RootFS.Layers}}", id]).stdout;
}

describe("verify --twice", () => {
  test("of a build that is the same twice ends with 0 and keeps no image", () => {
    const ran = store.run(["verify", "--twice", context]);
    expect(ran.stdout).toBe("both builds made the same image, byte for byte\n");
    expect(ran.stderr.match(/MISS +3\/4 COPY/g)).toHaveLength(2);
    expect(store.run(["images", "-q"]).stdout.trim().split("\n")).toHaveLength(1);
    expect(store.run(["verify", "--twice", "-q", context]).stdout).toBe("");
  });

  test("without SOURCE_DATE_EPOCH names the first path and field, and what helps", () => {
    const env = { SOURCE_DATE_EPOCH: "" };
    const ran = runTsbuild(["verify", "--twice", context], { home: store.home, env });
    expect(ran.stdout.split("\n")[0]).toMatch(/^layer 2 \(WORKDIR \/app\): \/app mtime: \S+Z → \S+Z$/);
    expect(ran.stdout).toMatch(/^config: created: "\S+" → "\S+"$/m);
    expect(ran.stderr).toContain("error[cli/verify-failed]: the two builds differ in");
    expect(ran.stderr).toContain("hint: Times differ: set SOURCE_DATE_EPOCH");
    expect(ran.status).toBe(3);
  });

  test("a build that fails ends as that build does", () => {
    expect(store.attempt(["verify", "--twice", "-f", join(context, "nope"), context]).status).toBe(1);
  });

  test.each([
    { args: ["verify", "--twice"] },
    { args: ["verify", "--twice", "-"] },
    { args: ["verify", "--twice", "--platform=linux/amd64,linux/arm64", "."] },
    { args: ["verify", "--twice", "--tag=x", "."] },
    { args: ["verify", "--target=x", "base"] },
  ])("$args is no way to ask", ({ args }) => {
    const ran = store.attempt(args);
    expect(ran.stderr).toContain("error[cli/usage]");
    expect(ran.status).toBe(125);
  });
});

describe("build arguments that are BuildKit's own", () => {
  test("BUILDKIT_MULTI_PLATFORM makes an index of one platform", () => {
    store.run(["-t", "indexed", "--build-arg", "BUILDKIT_MULTI_PLATFORM=1", context]);
    const [image] = JSON.parse(store.run(["inspect", "indexed"]).stdout) as { Manifests?: unknown[] }[];
    expect(image?.Manifests).toHaveLength(1);
    expect(store.run(["--build-arg", "BUILDKIT_MULTI_PLATFORM=0", "-q", context]).stdout).toMatch(/^sha256:/);
  });

  test.each(["BUILDKIT_INLINE_CACHE=1", "BUILDKIT_SYNTAX=docker/dockerfile:1", "BUILDKIT_NONSENSE=1"])(
    "%s is said to do nothing",
    (argument) => {
      const { stderr } = store.run(["--build-arg", argument, context]);
      expect(stderr).toContain(`--build-arg ${argument.split("=")[0]} does nothing: `);
    },
  );

  test("SOURCE_DATE_EPOCH as a build argument goes before the environment's", () => {
    const build = (value: string) =>
      store.run(["-q", "--build-arg", `SOURCE_DATE_EPOCH=${value}`, context]).stdout;
    expect(build("1000000000")).toBe(build("1000000000"));
    const created = store.run(["inspect", "-f", "{{.Created}}", build("1000000000").trim()]).stdout;
    expect(created).toMatch(/^2001-09-09T01:46:40/);
  });
});

describe("rewrite-timestamp", () => {
  test("=true is what SOURCE_DATE_EPOCH does anyway, =false leaves times in layers alone", () => {
    dockerfile("FROM base\nCOPY a /copied\n");
    const plain = layersOf();
    expect(layersOf("-o", "type=image,rewrite-timestamp=true")).toBe(plain);
    expect(layersOf("-o", "type=image,rewrite-timestamp=false")).not.toBe(plain);
  });

  test("=true without a time is refused", () => {
    const args = ["-o", "type=image,rewrite-timestamp=true", context];
    const ran = runTsbuild(args, { home: store.home, env: { SOURCE_DATE_EPOCH: "" } });
    expect(ran.stderr).toContain("error[cli/usage]: rewrite-timestamp=true needs a time");
    expect(ran.status).toBe(125);
  });
});

test("a foreign program is copied without any emulator", () => {
  writeFileSync(join(context, "arm"), armProgram("never run"), { mode: 0o755 });
  dockerfile('FROM scratch\nCOPY arm /\nENTRYPOINT ["/arm"]\n');
  store.run(["-t", "arm", "--platform", "linux/arm64", context]);
  expect(store.run(["--platform", "linux/arm64", context]).stderr).toContain("0 misses");
  expect(store.run(["inspect", "-f", "{{.Architecture}}", "arm"]).stdout).toBe("arm64\n");
});
