import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliStore, cliStore } from "../helpers/cli-store.ts";
import { file } from "../helpers/tar-builder.ts";

let store: CliStore;
let lib = "";
let out = "";

beforeAll(() => {
  store = cliStore("contexts");
  lib = join(store.folder, "lib");
  out = join(store.folder, "out");
  mkdirSync(join(lib, "src"), { recursive: true });
  writeFileSync(join(lib, "src/util.js"), "1\n");
  writeFileSync(join(lib, "left-out"), "never\n");
  writeFileSync(join(lib, ".dockerignore"), "left-out\n");
  store.importImage("base", [file("base", "b")]);
  store.importImage("other", [file("other", "o")]);
});
afterAll(() => store[Symbol.dispose]());

/** Twice, the second all hits; the answer is what the first wrote to `out`. */
function build(dockerfile: string, ...args: string[]): readonly string[] {
  execFileSync("rm", ["-rf", out]);
  store.run([...args, "-o", out, "-"], dockerfile);
  expect(store.run([...args, "-o", out, "-"], dockerfile).stderr).toContain("0 misses");
  return readdirSync(out).toSorted();
}

describe("--build-context", () => {
  test("a folder is read by COPY --from, under its own .dockerignore", () => {
    expect(build("FROM scratch\nCOPY --from=lib . /\n", "--build-context", `lib=${lib}`)).toEqual([
      ".dockerignore",
      "src",
    ]);
  });

  test("a folder is a base, with a layer that history tells of", () => {
    const dockerfile = "FROM lib\nWORKDIR /new\n";
    expect(build(dockerfile, "--build-context", `lib=${lib}`, "-t", "on-lib")).toContain("src");
    expect(store.run(["history", "on-lib"]).stdout).toContain("FROM lib");
    store.run(["verify", "on-lib"]);
  });

  test("a changed file of it is a miss that names context and file", () => {
    const args = ["--build-context", `lib=${lib}`, "-f", "-", store.folder];
    const dockerfile = "FROM scratch\nCOPY --from=lib . /here\n";
    store.run(args, dockerfile);
    writeFileSync(join(lib, "src/util.js"), "2 and more\n");
    expect(store.run(args, dockerfile).stderr).toContain("(lib)/src/util.js changed");
    expect(store.run(["explain"]).stdout).toContain("(lib)/src/util.js");
  });

  test.each([
    { name: "an image of FROM, pinned", dockerfile: "FROM base\n", context: "base=docker-image://other" },
    {
      name: "a tag of it",
      dockerfile: "FROM docker.io/library/base:latest\n",
      context: "base=docker-image://other",
    },
    {
      name: "a stage's base",
      dockerfile: "FROM base AS one\nFROM one\n",
      context: "one=docker-image://other",
    },
    {
      name: "COPY --from",
      dockerfile: "FROM scratch\nCOPY --from=one other /\n",
      context: "one=docker-image://other",
    },
    {
      name: "another stage",
      dockerfile: "FROM other AS x\nFROM base\nFROM nope\n",
      context: "nope=target:x",
    },
  ])("takes the place of $name", ({ dockerfile, context }) => {
    expect(build(dockerfile, "--build-context", context)).toEqual(["other"]);
  });

  test.each(["", ":kept", "@digest"])("an OCI layout%s is a base, and gets no name", (which) => {
    const layout = join(store.folder, "layout");
    store.run(
      ["-t", "kept:1", "-o", `type=oci,tar=false,dest=${layout},name=kept`, "-"],
      "FROM other\nENV a=b\n",
    );
    execFileSync("skopeo", ["copy", "-q", `oci:${layout}:kept:latest`, `oci:${layout}:kept`]);
    const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as {
      manifests: { digest: string }[];
    };
    const place = which === "@digest" ? `@${index.manifests[0]?.digest}` : which === "" ? ":latest" : which;
    expect(build("FROM laid\n", "--build-context", `laid=oci-layout://${layout}${place}`)).toEqual(["other"]);
    expect(store.run(["images", "--format", "{{.Repository}}"]).stdout).not.toContain("laid");
  });

  test("symlinks never lead out of it", () => {
    symlinkSync("/etc", join(lib, "out"));
    const ran = store.attempt(
      ["--build-context", `lib=${lib}`, "-"],
      "FROM scratch\nCOPY --from=lib out/hostname /\n",
    );
    expect(ran.stderr).toContain("error[context/file-not-found]");
    expect(ran.status).toBe(1);
  });

  test.each([
    { value: "lib", code: "cli/usage", status: 125 },
    { value: "LIB=.", code: "cli/usage", status: 125 },
    { value: "lib=/nowhere/at/all", code: "context/not-found", status: 1 },
    { value: "lib=https://example.com/a.git", code: "cli/not-supported", status: 125 },
    { value: "lib=target:nope", code: "plan/unknown-stage", status: 1 },
    { value: "lib=oci-layout:///nowhere", code: "image/bad-archive", status: 1 },
  ])("$value is $code", ({ value, code, status }) => {
    const ran = store.attempt(["--build-context", value, "-"], "FROM lib\n");
    expect(ran.stderr).toContain(`error[${code}]`);
    expect(ran.status).toBe(status);
  });
});

describe("--no-cache-filter", () => {
  const dockerfile =
    "FROM base AS one\nWORKDIR /one\nFROM base AS two\nWORKDIR /two\nCOPY --from=one /one /three\n";

  test("runs the steps of the stages it names, and no others", () => {
    store.run(["-"], dockerfile);
    const { stderr } = store.run(["--progress=plain", "--no-cache-filter", "TWO", "-"], dockerfile);
    expect(stderr).toMatch(/HIT +one 2\/2 WORKDIR/);
    expect(stderr).toMatch(/MISS +two 2\/3 WORKDIR .*--no-cache/);
    expect(stderr).toMatch(/MISS +two 3\/3 COPY .*--no-cache/);
  });

  test("of a stage that is not there is refused", () => {
    expect(store.attempt(["--no-cache-filter=three", "-"], dockerfile).stderr).toContain(
      "error[plan/unknown-stage]",
    );
  });
});
