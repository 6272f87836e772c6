import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { until } from "../executor/rig.ts";
import { type ContainerStore, containerStore } from "../helpers/container-store.ts";
import { runTsbuild } from "../helpers/run-tsbuild.ts";
import { startTsbuild } from "../helpers/start-tsbuild.ts";
import { openTerminal } from "../helpers/terminal.ts";

let store: ContainerStore;

beforeAll(() => {
  store = containerStore("containers");
});

afterEach(() => store.removeAll());
afterAll(() => store[Symbol.dispose]());

/** A command that says it is up, and ends with 5 when it is asked to. */
const PATIENT = ["sh", "-c", 'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.1; done'];

function project(name: string, dockerfile: string): string {
  const dir = join(store.folder, name);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, "Dockerfile"), dockerfile);
  return dir;
}

describe("run", () => {
  test("ends with the exit code of its command, and its output on the right streams", () => {
    const ran = store.attempt("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3");
    expect(ran).toMatchObject({ status: 3, stdout: "out\n", stderr: "err\n" });
    expect(store.statuses()).toEqual([]);
  });

  test.each([
    { name: "a program that is not there", args: ["busybox", "nope"], status: 127 },
    { name: "a file that cannot be executed", args: ["busybox", "/etc/passwd"], status: 126 },
    { name: "an unknown flag", args: ["--bogus", "busybox", "true"], status: 125 },
    { name: "an image that is not here", args: ["--pull", "never", "nope", "true"], status: 125 },
    { name: "--init", args: ["--init", "busybox", "true"], status: 125 },
    { name: "--restart", args: ["--restart", "always", "busybox", "true"], status: 125 },
    { name: "another platform", args: ["--platform", "linux/s390x", "busybox", "true"], status: 125 },
    { name: "a named volume", args: ["-v", "data:/data", "busybox", "true"], status: 125 },
    { name: "a name with @", args: ["--name", "hello@3", "busybox", "true"], status: 125 },
  ])("$name ends with $status, as Docker's", ({ args, status }) => {
    expect(store.attempt("run", "--rm", ...args).status).toBe(status);
    expect(store.statuses()).toEqual([]);
  });

  test("reads standard input with -i only", () => {
    const options = { home: store.home, input: "typed\n" };
    expect(runTsbuild(["run", "--rm", "-i", "busybox", "cat"], options).stdout).toBe("typed\n");
    expect(runTsbuild(["run", "--rm", "busybox", "cat"], options).stdout).toBe("");
  });

  test("hands over variables, a file of them, user, directory, host name and mounts", () => {
    writeFileSync(join(store.folder, "vars"), "# a comment\nA=1\n  B=two words\nNOT_SET_HERE\n");
    mkdirSync(join(store.folder, "shared"), { recursive: true });
    const flags = [
      "--env-file=vars",
      "--env=C=3",
      "--user=app",
      "--workdir=/tmp/made",
      "--hostname=box",
      "--volume=./shared:/mnt",
      "--mount=type=bind,source=vars,target=/v,readonly",
      "--mount=type=tmpfs,target=/scratch,tmpfs-size=1m",
    ];
    const script =
      'echo $A-$B-$C-${NOT_SET_HERE-unset}; id -un; pwd; hostname; head -n1 /v; touch /scratch/x && grep -c " /scratch tmpfs" /proc/mounts';
    const { stdout } = store.attempt("run", "--rm", ...flags, "busybox", "sh", "-c", script);
    expect(stdout.split("\n")).toEqual([
      "1-two words-3-unset",
      "app",
      "/tmp/made",
      "box",
      "# a comment",
      "1",
      "",
    ]);
    store.run("run", "--rm", "-v", "./shared:/mnt", "busybox", "touch", "/mnt/from-inside");
    expect(existsSync(join(store.folder, "shared/from-inside"))).toBe(true);
  });

  test("--read-only and a :ro volume cannot be written to", () => {
    expect(store.attempt("run", "--rm", "--read-only", "busybox", "touch", "/x").status).toBe(1);
    const ro = ["run", "--rm", "-v", `${store.folder}:/mnt:ro`, "busybox", "touch", "/mnt/x"];
    expect(store.attempt(...ro).status).toBe(1);
  });

  test("--cidfile is written once, and never over another", () => {
    store.run("run", "--name", "with-id", "--cidfile", "cid", "busybox", "true");
    const id = readFileSync(join(store.folder, "cid"), "utf8");
    expect(store.run("inspect", "-f", "{{.Id}}", "with-id")).toBe(id);
    expect(store.attempt("run", "--cidfile", "cid", "busybox", "true").status).toBe(125);
    store.run("rm", "with-id");
  });

  test("-p reaches a port of the container by another one", async () => {
    const [outside, inside] = [await freePort(), await freePort()];
    const serve = `while :; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\nserved\\n' | nc -l -p ${inside}; done`;
    store.run("run", "-d", "--name", "server", "-p", `${outside}:${inside}`, "busybox", "sh", "-c", serve);
    const get = () => spawnSync("curl", ["-s", `http://127.0.0.1:${outside}/`], { encoding: "utf8" }).stdout;
    await until(() => get() === "served\n");
    expect(store.run("ps", "--format", "{{.Ports}}")).toBe(`127.0.0.1:${outside}->${inside}/tcp`);
    store.run("rm", "-f", "server");
    expect(get()).toBe("");
  });

  test("an image's ENTRYPOINT, CMD, USER, WORKDIR, ENV and VOLUME mean what they mean with Docker", () => {
    const dir = project(
      "settings",
      'FROM busybox\nRUN mkdir /data && echo seed > /data/seed\nVOLUME /data\nENV A=image\nWORKDIR /home/app\nUSER app\nENTRYPOINT ["echo","ep"]\nCMD ["cmd"]\n',
    );
    store.run("-q", "-t", "settings:1", dir);
    store.run("-q", "-t", "settings:1", dir);
    expect(store.run("run", "--rm", "settings:1")).toBe("ep cmd");
    expect(store.run("run", "--rm", "settings:1", "other")).toBe("ep other");
    const shell = ["run", "--rm", "--entrypoint", "sh", "settings:1", "-c"];
    expect(store.run(...shell, "id -un; pwd; echo $A; cat /data/seed")).toBe("app\n/home/app\nimage\nseed");
    const write = "echo kept > /data/kept; echo changed > /changed";
    store.run("run", "--name", "voluble", "-u", "root", "--entrypoint", "sh", "settings:1", "-c", write);
    // What is in a volume is no part of what a container changed.
    expect(store.run("diff", "voluble")).toBe("A /changed");
    store.run("cp", "voluble:/data/kept", "kept");
    expect(readFileSync(join(store.folder, "kept"), "utf8")).toBe("kept\n");
    store.run("rm", "voluble");
    store.run("rmi", "settings:1");
  });
});

describe.each(["native", "oci", "unshare"])("a terminal, with %s", (executor) => {
  test("has keys, a size that follows, and gives the outer one back as it was", async () => {
    const name = `shell-${executor}`;
    const size = { columns: 90, rows: 30 };
    using screen = openTerminal(size, { cwd: store.folder, env: { TSBUILD_HOME: store.home } });
    screen.type(`tsbuild run -it --name ${name} --executor ${executor} busybox sh`, "Enter");
    await screen.shows(/\/ #\s*$/m);
    screen.type("test -t 0 && test -t 1 && stty size; sleep 100", "Enter");
    await screen.shows(/^30 90$/m);
    screen.type("C-c");
    await screen.shows(/\^C/);
    screen.resize(70, 20);
    screen.type("echo then $?; stty size; echo data > /kept", "Enter");
    await screen.shows(/^then 130\n20 70$/m);
    screen.type("exit 7", "Enter");
    await screen.shows(/^\$\s*$/m);
    screen.type("echo outer $?; tsbuild start -ai", ` ${name}`, "Enter");
    await screen.shows(/^outer 7$/m);
    await screen.shows(/\/ #\s*$/m);
    screen.type("cat /kept", "Enter");
    await screen.shows(/^data$/m);
    screen.type("C-d");
    await screen.shows(/^\$\s*$/m);
    screen.type("clear; stty -a | grep -o ' echo '; echo done $?", "Enter");
    expect(await screen.shows(/^done 0$/m)).toMatch(/^ echo\s*$/m);
  });
});

describe("a detached container", () => {
  test("outlives its command line, is stopped by TERM, and goes on where it ended", async () => {
    const id = store.run("run", "-d", "--name", "web", "busybox", ...PATIENT);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(store.run("ps", "--no-trunc", "--format", "{{.ID}} {{.Image}} {{.State}} {{.Names}}")).toBe(
      `${id} busybox running web`,
    );
    expect(store.attempt("rm", "web").stderr).toContain("container/running");
    expect(store.run("stop", "web")).toBe("web");
    expect(store.statuses()).toEqual(["web Exited (5)"]);
    expect(store.run("logs", "web")).toBe("up\nbye");
    expect(store.run("logs", "--tail", "1", "-t", "web")).toMatch(/^\d{4}-.*T.*\.\d{9}Z bye$/);
    expect(store.run("start", "web")).toBe("web");
    expect(store.statuses()).toEqual(["web Up"]);
    expect(store.attempt("start", "-a", "web").stderr).toContain("container/running");
    store.run("kill", "web");
    expect(store.statuses()).toEqual(["web Exited (137)"]);
    expect(store.attempt("kill", "web").stderr).toContain("container/not-running");
    expect(store.run("rm", "web")).toBe("web");
    await until(() => store.leftovers().length === 0);
  });

  test("one that does not listen is ended after the time it was given", () => {
    store.run(
      "run",
      "-d",
      "--name",
      "deaf",
      "busybox",
      "sh",
      "-c",
      'trap "" TERM; while :; do sleep 0.1; done',
    );
    store.run("stop", "-t", "1", "deaf");
    expect(store.statuses()).toEqual(["deaf Exited (137)"]);
    store.run("rm", "deaf");
  });

  test("logs -f and wait end with it, and say what it said and how it ended", async () => {
    store.run("run", "-d", "--rm", "--name", "told", "busybox", ...PATIENT);
    const logs = startTsbuild(["logs", "-f", "told"], { home: store.home });
    const waiting = startTsbuild(["wait", "told"], { home: store.home });
    await logs.said(/^up$/m);
    store.run("kill", "-s", "TERM", "told");
    expect(await logs.ended).toMatchObject({ code: 0 });
    expect(logs.output()).toBe("up\nbye\n");
    expect(await waiting.ended).toMatchObject({ code: 0 });
    // --rm: nothing is left to ask, and the exit code is told all the same.
    expect(waiting.output()).toBe("5\n");
    expect(store.statuses()).toEqual([]);
    await until(() => store.leftovers().length === 0);
  });

  test("one that cannot be started says so at once, and stays to be looked at", () => {
    expect(store.attempt("run", "-d", "--name", "bad", "busybox", "nope")).toMatchObject({ status: 127 });
    expect(store.statuses()).toEqual(["bad Created"]);
    expect(store.run("inspect", "-f", "{{.State.ExitCode}} {{.State.Error}}", "bad")).toMatch(
      /^127 nope: not found/,
    );
    expect(store.attempt("start", "bad").status).toBe(1);
    store.run("rm", "bad");
  });

  test("kill -9 of its process ends it, is told truthfully, and loses nothing it wrote", async () => {
    const nap = `${300_000_000 + process.pid}`;
    store.run("run", "-d", "--name", "orphan", "busybox", "sh", "-c", `echo kept > /kept; exec sleep ${nap}`);
    await until(() => store.run("diff", "orphan") === "A /kept");
    process.kill(store.monitorOf("orphan"), "SIGKILL");
    await until(() => spawnSync("pgrep", ["-f", `sleep ${nap}`]).status === 1);
    expect(store.statuses()).toEqual(["orphan Exited (137)"]);
    expect(store.run("inspect", "-f", "{{.State.Running}} {{.State.Pid}}", "orphan")).toBe("false 0");
    await until(() => store.leftovers().length === 0);
    expect(store.run("diff", "orphan")).toBe("A /kept");
    store.run("start", "orphan");
    expect(store.statuses()).toEqual(["orphan Up"]);
    store.run("rm", "-f", "orphan");
    await until(() => store.leftovers().length === 0);
  });

  test("kill -9 of a run in the foreground ends its container, and the store tells", async () => {
    const nap = `${400_000_000 + process.pid}`;
    const running = startTsbuild(["run", "--name", "front", "busybox", "sh", "-c", `echo up; sleep ${nap}`], {
      home: store.home,
    });
    await running.said(/up/);
    expect(store.statuses()).toEqual(["front Up"]);
    process.kill(running.pid, "SIGKILL");
    await until(() => spawnSync("pgrep", ["-f", `sleep ${nap}`]).status === 1);
    expect(store.statuses()).toEqual(["front Exited (137)"]);
    store.run("rm", "front");
    await until(() => store.leftovers().length === 0);
  });
});

describe("what a container changed", () => {
  const CHANGE =
    "mkdir /new && echo hi > /new/file && ln /new/file /new/link && rm /etc/group && echo x >> /etc/passwd && rm -r /home/app";

  test("diff lists it, commit keeps it as a layer, twice the same, and export as a tar", () => {
    store.run("run", "--name", "work", "busybox", "sh", "-c", CHANGE);
    expect(store.run("diff", "work").split("\n")).toEqual([
      "C /etc",
      "D /etc/group",
      "C /etc/passwd",
      "C /home",
      "D /home/app",
      "A /new",
      "A /new/file",
      "A /new/link",
    ]);
    const commit = [
      "commit",
      "-m",
      "by hand",
      "-a",
      "Me",
      "-c",
      'CMD ["cat","/new/file"]',
      "-c",
      "ENV P=$PATH:x",
    ];
    const id = store.run(...commit, "work", "work:1");
    expect(store.run(...commit, "work", "work:2")).toBe(id);
    expect(store.run("run", "--rm", "work:1")).toBe("hi");
    expect(
      store
        .run("history", "--format", "{{.CreatedBy}} | {{.Comment}}", "--no-trunc", "work:1")
        .split("\n")[0],
    ).toBe(`sh -c ${CHANGE} | by hand`);
    expect(store.run("inspect", "-f", "{{.Author}} {{json .Config.Env}}", "work:1")).toBe(
      'Me ["PATH=/bin","P=/bin:x"]',
    );
    expect(store.run("verify", "work:1")).toContain("nothing wrong");

    store.run("export", "-o", "work.tar", "work");
    const names = execFileSync("tar", ["-tf", join(store.folder, "work.tar")], { encoding: "utf8" }).split(
      "\n",
    );
    expect(names).toEqual(
      expect.arrayContaining(["new/file", "new/link", "etc/passwd", "bin/busybox", "tmp/"]),
    );
    expect(names).not.toContain("etc/group");
    expect(names).not.toContain("home/app/");
    store.run("import", "work.tar", "flat:1");
    expect(store.run("run", "--rm", "flat:1", "/bin/cat", "/new/link")).toBe("hi");
    for (const image of ["work:1", "work:2", "flat:1"]) store.run("rmi", "-f", image);
    store.run("rm", "work");
  });

  test("a container that writes all the time can be committed and exported: it stands still meanwhile", async () => {
    const script = "i=0; while :; do i=$((i+1)); echo $i >> /log; echo $i >> /log2; done";
    store.run("run", "-d", "--name", "busy", "busybox", "sh", "-c", script);
    await until(() => store.run("diff", "busy").includes("A /log"));
    store.run("commit", "busy", "busy:1");
    const [last, n] = store
      .run("run", "--rm", "busy:1", "sh", "-c", "tail -n1 /log; tail -n1 /log2")
      .split("\n")
      .map(Number);
    expect((last ?? 0) - (n ?? 0)).toBeLessThanOrEqual(1);
    store.run("export", "-o", "busy.tar", "busy");
    expect(store.statuses()).toEqual(["busy Up"]);
    const size = () => store.run("cp", "busy:/log", "log") || readFileSync(join(store.folder, "log")).length;
    const before = size();
    await until(() => size() > before);
    store.run("rm", "-f", "busy");
    store.run("rmi", "busy:1");
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
