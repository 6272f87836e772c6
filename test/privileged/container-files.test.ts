import { execFileSync, spawnSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { until } from "../executor/rig.ts";
import { EPOCH } from "../helpers/busybox-image.ts";
import { type ContainerStore, containerStore } from "../helpers/container-store.ts";
import { runTsbuild } from "../helpers/run-tsbuild.ts";
import { buildTar } from "../helpers/tar-builder.ts";

let store: ContainerStore;

beforeAll(() => {
  store = containerStore("container-files");
  const at = (path: string) => join(store.folder, path);
  writeFileSync(at("file"), "content\n");
  chownSync(at("file"), 1234, 5678);
  mkdirSync(at("tree/sub"), { recursive: true });
  writeFileSync(at("tree/sub/leaf"), "leaf\n");
  symlinkSync("file", at("link"));
});

afterEach(() => store.removeAll());
afterAll(() => store[Symbol.dispose]());

function local(path: string): string {
  return join(store.folder, path);
}

/** What a container has in /tmp: mode, owner, path and what a link points to. */
function inside(name: string): readonly string[] {
  store.run("export", "-o", "inside.tar", name);
  const list = execFileSync("tar", ["-tvf", local("inside.tar"), "--numeric-owner"], { encoding: "utf8" });
  return list.split("\n").flatMap((line) => {
    const [mode, owner, , , , ...path] = line.split(/\s+/);
    const isIn = path[0]?.startsWith("tmp/") === true && path[0] !== "tmp/";
    return isIn ? [`${mode} ${owner} ${path.join(" ")}`] : [];
  });
}

describe.each([
  { state: "running", args: ["run", "-d"] },
  { state: "stopped", args: ["create"] },
])("cp and a container that is $state", ({ state, args }) => {
  const make = (name: string) => store.run(...args, "--name", name, "busybox", "sleep", "1000000");
  test.each([
    {
      name: "a file to a new name",
      from: "file",
      to: "/tmp/new",
      expected: ["-rw-r--r-- 1234/5678 tmp/new"],
    },
    { name: "a file into a folder", from: "file", to: "/tmp", expected: ["-rw-r--r-- 1234/5678 tmp/file"] },
    { name: "a link as a link", from: "link", to: "/tmp/", expected: ["lrwxrwxrwx 0/0 tmp/link -> file"] },
    {
      name: "a folder to a new name",
      from: "tree",
      to: "/tmp/new",
      expected: ["drwxr-xr-x 0/0 tmp/new/", "drwxr-xr-x 0/0 tmp/new/sub/", "-rw-r--r-- 0/0 tmp/new/sub/leaf"],
    },
    {
      name: "a folder into a folder",
      from: "tree/",
      to: "/tmp",
      expected: [
        "drwxr-xr-x 0/0 tmp/tree/",
        "drwxr-xr-x 0/0 tmp/tree/sub/",
        "-rw-r--r-- 0/0 tmp/tree/sub/leaf",
      ],
    },
    {
      name: "what is in a folder",
      from: "tree/.",
      to: "/tmp",
      expected: ["drwxr-xr-x 0/0 tmp/sub/", "-rw-r--r-- 0/0 tmp/sub/leaf"],
    },
  ])(`$name`, ({ from, to, expected }) => {
    make("into");
    store.run("cp", from, `into:${to}`);
    expect(inside("into")).toEqual(expected);
  });

  test("with -L a link becomes what it points to, and a link as the destination is followed", () => {
    make("links");
    store.run("cp", "-L", "link", "links:/tmp/followed");
    expect(inside("links")).toEqual(["-rw-r--r-- 1234/5678 tmp/followed"]);
    // /bin/cal is a link to busybox.
    store.run("cp", "links:/bin/busybox", "busybox");
    store.run("cp", "file", "links:/bin/cal");
    store.run("cp", "links:/bin/busybox", "overwritten");
    expect(readFileSync(local("overwritten"), "utf8")).toBe("content\n");
  });

  test.each([
    { name: "no such source", args: ["nothing", "errors:/tmp"] },
    { name: "no such source inside", args: ["errors:/nothing", "."] },
    { name: "no folder to go into", args: ["file", "errors:/nothing/file"] },
    { name: "a folder that is not there", args: ["file", "errors:/tmp/nothing/"] },
    { name: "a folder to a file", args: ["tree", "errors:/etc/passwd"] },
    { name: "a file as a folder", args: ["file/", "errors:/tmp/x"] },
    { name: "a file inside as a folder", args: ["errors:/etc/passwd/", "out"] },
  ])("$name is container/path", ({ args: paths }) => {
    make("errors");
    const { status, stderr } = store.attempt("cp", ...paths);
    expect(stderr).toContain("error[container/path]");
    expect(status).toBe(1);
    expect(store.run("diff", "errors")).toBe("");
  });

  test("out: files are the caller's own, links stay links, - is a tar", () => {
    make("out");
    store.run("cp", "file", "out:/tmp/file");
    store.run("cp", "out:/tmp", `from-${state}`);
    expect(lstatSync(local(`from-${state}/file`))).toMatchObject({ uid: 0, gid: 0 });
    store.run("cp", "-a", "out:/tmp/file", `owned-${state}`);
    expect(lstatSync(local(`owned-${state}`))).toMatchObject({ uid: 1234, gid: 5678 });
    store.run("cp", "out:/bin/ls", `ls-${state}`);
    expect(readlinkSync(local(`ls-${state}`))).toBe("busybox");
    const { bytes } = store.attempt("cp", "out:/tmp", "-");
    const list = spawnSync("tar", ["-t"], { input: bytes, encoding: "utf8" }).stdout;
    expect(list).toBe("tmp/\ntmp/file\n");
  });

  test("in: a tar on standard input is unpacked into a folder that is there", () => {
    make("untar");
    const input = buildTar({ name: "a/b", content: "deep" }, { name: "a/c", flag: "2", link: "b" });
    const options = { home: store.home, env: EPOCH, input };
    expect(runTsbuild(["cp", "-", "untar:/tmp"], options).status).toBe(0);
    expect(inside("untar").map((line) => line.split(" ").slice(2).join(" "))).toEqual([
      "tmp/a/",
      "tmp/a/b",
      "tmp/a/c -> b",
    ]);
    expect(runTsbuild(["cp", "-", "untar:/nothing"], options).stderr).toContain("container/path");
  });

  test("nothing leads out: links in the image, in the container and in a tar end inside", () => {
    writeFileSync(local("outside"), "untouched\n");
    make("trap");
    for (const [target, name] of [
      ["/", "abs"],
      ["../../../../../../../..", "up"],
      [local("outside"), "file-link"],
    ]) {
      const input = buildTar({ name: name ?? "", flag: "2", link: target ?? "" });
      expect(runTsbuild(["cp", "-", "trap:/tmp"], { home: store.home, input }).status).toBe(0);
    }
    store.run("cp", "file", "trap:/tmp/abs/landed-a");
    store.run("cp", "file", "trap:/tmp/up/landed-b");
    expect(existsSync("/landed-a") || existsSync("/landed-b")).toBe(false);
    expect(store.run("diff", "trap")).toContain("A /landed-a\nA /landed-b");
    expect(store.attempt("cp", "file", "trap:/tmp/file-link").stderr).toContain("container/path");
    expect(store.attempt("cp", "-L", "trap:/tmp/file-link", "stolen").stderr).toContain("container/path");
    const evil = buildTar({ name: "../../escaped", content: "x" });
    const refused = runTsbuild(["cp", "-", "trap:/tmp"], { home: store.home, input: evil });
    expect(refused.stderr).toContain("layer/unsafe-entry");
    // A link that the tar itself brings, and a file "below" it.
    const through = buildTar(
      { name: "hole", flag: "2", link: store.folder },
      { name: "hole/escaped", content: "x" },
    );
    runTsbuild(["cp", "-", "trap:/tmp"], { home: store.home, input: through });
    expect(existsSync(local("escaped"))).toBe(false);
    expect(readFileSync(local("outside"), "utf8")).toBe("untouched\n");
  });
});

test("a running container that exchanges a folder for a link all the time cannot lead cp out of its root", async () => {
  mkdirSync(local("host"), { recursive: true });
  const script = `mkdir /tmp/d; while :; do mv /tmp/d /tmp/e; ln -s ${local("host")} /tmp/d; rm /tmp/d; mv /tmp/e /tmp/d; done`;
  store.run("run", "-d", "--name", "racer", "busybox", "sh", "-c", script);
  await until(() => store.run("diff", "racer").includes("/tmp"));
  for (let i = 0; i < 10; i += 1) store.attempt("cp", "tree", "racer:/tmp/d/");
  expect(execFileSync("find", [local("host")], { encoding: "utf8" }).trim()).toBe(local("host"));
});

test("what is mounted is copied where it is, whether the container runs or not", () => {
  mkdirSync(local("shared"), { recursive: true });
  store.run("create", "--name", "mounted", "-v", "./shared:/home", "busybox", "sleep", "1000000");
  store.run("cp", "file", "mounted:/home/while-stopped");
  store.run("start", "mounted");
  store.run("cp", "file", "mounted:/home/while-running");
  expect(execFileSync("ls", [local("shared")], { encoding: "utf8" })).toBe("while-running\nwhile-stopped\n");
  expect(store.run("diff", "mounted")).toBe("");
});
