import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Executor } from "../../src/core/ports.ts";
import { installBusybox, Rig } from "../executor/rig.ts";
import { EXECUTORS } from "./executors.ts";

const DOCKER_CAPABILITIES = "00000000a80425fb";

describe.each(EXECUTORS)("the $name executor", ({ name, create }) => {
  let rig: Rig;
  let executor: Executor;
  beforeAll(() => {
    rig = new Rig();
    executor = create(rig.dir);
  });
  afterAll(() => rig[Symbol.dispose]());

  test.each([
    { script: "true", exitCode: 0 },
    { script: "exit 7", exitCode: 7 },
    { script: "exit 255", exitCode: 255 },
    { script: "sh -c 'kill -9 $$'; exit $?", exitCode: 137 },
  ])("gives $exitCode for $script", async ({ script, exitCode }) => {
    expect((await rig.shell(executor, script)).exitCode).toBe(exitCode);
  });

  test("keeps the two output streams apart, and reads nothing from standard input", async () => {
    const { stdout, stderr } = await rig.shell(executor, "cat; echo out; echo err >&2");
    expect({ stdout, stderr }).toEqual({ stdout: "out\n", stderr: "err\n" });
  });

  test.each([0, 1234])("lets user %i open /dev/stdout and /dev/stderr", async (uid) => {
    const user = { uid, gid: uid, groups: [], home: "/" };
    const { stdout, stderr } = await rig.shell(executor, "echo a > /dev/stdout; echo b > /dev/stderr", {
      user,
    });
    expect({ stdout, stderr }).toEqual({ stdout: "a\n", stderr: "b\n" });
  });

  test("loses nothing of 32 MB of output", async () => {
    const { stdout } = await rig.shell(executor, "dd if=/dev/zero bs=1M count=32 2>/dev/null | tr '\\0' x");
    expect(stdout.length).toBe(32 << 20);
  });

  test("hands arguments over byte for byte", async () => {
    const args = ["printf", "%s|", "two\nlines", "naïve 日本", "", "$HOME 'x' \"y\" \\", "-n"];
    expect((await rig.run(executor, args)).stdout).toBe("two\nlines|naïve 日本||$HOME 'x' \"y\" \\|-n|");
  });

  test("gives the command the environment that was asked for, and nothing else", async () => {
    const env = ["PATH=/bin", "HOME=/root", "A=1", "EMPTY=", "TEXT=two\nlines 'q'"];
    const { stdout } = await rig.run(executor, ["env"], { env });
    // A shell on the way may change the order, and busybox's count its depth.
    const lines = stdout.split("\n").filter((line) => !line.startsWith("SHLVL="));
    expect(lines.toSorted()).toEqual(`${env.join("\n")}\n`.split("\n").toSorted());
  });

  test("sets user, group and groups, and leaves other users no rights", async () => {
    const user = { uid: 1234, gid: 2345, groups: [7, 8], home: "/" };
    const { stdout } = await rig.shell(
      executor,
      "id -u; id -g; id -G; grep -E 'Cap(Eff|Prm|Inh|Bnd|Amb)' /proc/self/status",
      { user },
    );
    expect(stdout.split(/\s+/).filter((word) => word !== "")).toEqual(
      ["1234", "2345", "2345", "7", "8", "CapInh:", "0".repeat(16), "CapPrm:", "0".repeat(16)].concat([
        "CapEff:",
        "0".repeat(16),
        "CapBnd:",
        DOCKER_CAPABILITIES,
        "CapAmb:",
        "0".repeat(16),
      ]),
    );
  });

  test("gives root Docker's capabilities exactly", async () => {
    const { stdout } = await rig.shell(
      executor,
      "grep -E 'Cap(Eff|Prm|Bnd|Inh|Amb)' /proc/self/status | cut -f2",
    );
    const none = "0".repeat(16);
    expect(stdout.trim().split("\n")).toEqual([
      none,
      DOCKER_CAPABILITIES,
      DOCKER_CAPABILITIES,
      DOCKER_CAPABILITIES,
      none,
    ]);
  });

  test("filters system calls where it can, and keeps setuid programs working", async () => {
    const { stdout } = await rig.shell(
      executor,
      "grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status | cut -f2",
    );
    expect(stdout.trim().split("\n")).toEqual(["0", name === "unshare" ? "0" : "2"]);
  });

  test("sets umask, open files and host name", async () => {
    const { stdout } = await rig.shell(executor, "umask; ulimit -n; hostname; cat /etc/hostname");
    expect(stdout.split("\n")).toEqual(["0022", "1024", "buildhost", "buildhost", ""]);
  });

  test("is pid 1 of a pid namespace, with mount, ipc and uts namespaces of its own and the host's network", async () => {
    const kinds = ["mnt", "pid", "ipc", "uts", "net"];
    const { stdout } = await rig.shell(
      executor,
      `echo $$; for n in ${kinds.join(" ")}; do readlink /proc/self/ns/$n; done`,
    );
    const [pid, ...namespaces] = stdout.trim().split("\n");
    const shared = kinds.filter((kind, i) => readlinkSync(`/proc/self/ns/${kind}`) === namespaces[i]);
    expect({ pid, shared }).toEqual({ pid: "1", shared: ["net"] });
  });

  test("has nothing but a working loopback without network", async () => {
    const { stdout } = await rig.shell(executor, "ls /sys/class/net; ip -o link show lo", {
      network: "none",
    });
    expect(stdout).toMatch(/^lo\n.*\bUP\b/);
  });

  test("injects the host's name resolution", async () => {
    const { stdout } = await rig.shell(executor, "cat /etc/resolv.conf; echo --; cat /etc/hosts");
    const [resolver, hosts] = stdout.split("--\n");
    expect(resolver).toBe(readFileSync("/etc/resolv.conf", "utf8"));
    expect(hosts).toContain("buildhost");
  });

  test("has a minimal /dev", async () => {
    const { stdout } = await rig.shell(executor, "ls /dev");
    const expected = [
      "core",
      "fd",
      "full",
      "mqueue",
      "null",
      "ptmx",
      "pts",
      "random",
      "shm",
      "stderr",
      "stdin",
      "stdout",
      "tty",
      "urandom",
      "zero",
    ];
    expect(stdout.trim().split("\n")).toEqual(expected);
  });

  test.each([
    { path: "the image", script: "mknod /x c 1 3; echo > /x" },
    { path: "/dev", script: "mknod /dev/x c 1 3; echo > /dev/x" },
    { path: "/dev/shm", script: "mknod /dev/shm/x c 1 3; echo > /dev/shm/x" },
  ])("lets no device node made in $path work", async ({ script }) => {
    const { exitCode, stderr } = await rig.shell(executor, script);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("ermission denied");
  });

  test.each([
    "touch /sys/x",
    "echo x > /proc/sys/kernel/hostname",
    "echo b > /proc/sysrq-trigger",
    "mount -t tmpfs x /bin",
  ])("refuses %s", async (script) => {
    expect((await rig.shell(executor, script)).exitCode).not.toBe(0);
  });

  test("hides what Docker hides", async () => {
    const script = `for f in kcore keys timer_list interrupts; do [ -e /proc/$f ] && head -c 1 /proc/$f; done
      ls /sys/firmware /proc/acpi /proc/scsi 2>/dev/null | grep -v :`;
    expect((await rig.shell(executor, script)).stdout.trim()).toBe("");
  });

  test("hands no descriptor on", async () => {
    const { stdout } = await rig.shell(executor, "cd /proc/self/fd; echo *");
    // The shell's own listing is open as well while it looks.
    expect(
      stdout
        .trim()
        .split(" ")
        .map(Number)
        .filter((fd) => fd > 2).length,
    ).toBeLessThanOrEqual(1);
  });

  test.each([3, 7, 8, 9, 10])(
    "does not enter a leaked directory by WORKDIR /proc/self/fd/%i (CVE-2024-21626)",
    async (fd) => {
      await expect(rig.shell(executor, "ls", { cwd: `/proc/self/fd/${fd}` })).rejects.toMatchObject({
        name: "BuildError",
      });
    },
  );

  test("makes a missing working directory, and leaves it", async () => {
    using own = new Rig();
    const { stdout } = await own.shell(executor, "pwd; stat -c '%a %u' .", {
      cwd: "/srv/app",
      user: { uid: 5, gid: 5, groups: [], home: "/" },
    });
    expect(stdout).toBe("/srv/app\n755 0\n");
    expect(readdirSync(own.upper, { recursive: true }).map(String).toSorted()).toEqual(["srv", "srv/app"]);
  });

  test("leaves nothing in the upper and in the state directory", async () => {
    using own = new Rig();
    await own.shell(executor, "ls -R / > /dev/null; true");
    expect(readdirSync(own.upper)).toEqual([]);
    expect(readdirSync(own.state)).toEqual([]);
  });

  test("binds files and directories, read-only where asked, also below /dev", async () => {
    using own = new Rig();
    writeFileSync(join(own.dir, "file"), "text\n");
    mkdirSync(join(own.dir, "folder"));
    const binds = [
      { source: join(own.dir, "file"), target: "/dev/pipes/EOF", readOnly: true },
      { source: join(own.dir, "folder"), target: "/mnt/here", readOnly: false },
    ];
    const script = "cat /dev/pipes/EOF; echo x > /mnt/here/made; echo x > /dev/pipes/EOF";
    const { exitCode, stdout } = await own.shell(executor, script, { binds });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "text\n" });
    expect(readFileSync(join(own.dir, "folder/made"), "utf8")).toBe("x\n");
    expect(readdirSync(own.upper)).toEqual([]);
  });

  test("keeps a read-only root from being written", async () => {
    expect((await rig.shell(executor, "touch /x", { readOnlyRoot: true })).exitCode).not.toBe(0);
  });

  test("runs in a plain directory, and takes its mount points out again", async () => {
    using own = new Rig();
    const root = join(own.dir, "plain");
    mkdirSync(root);
    installBusybox(root);
    await own.shell(executor, "echo kept > /file; [ -c /dev/null ] && [ -s /etc/hosts ]", {
      root: { type: "directory", path: root },
    });
    expect(readdirSync(root).toSorted()).toEqual(["bin", "file"]);
  });

  test("removes mount points only where no symbolic link leads away (CVE-2024-23652)", async () => {
    using own = new Rig();
    const root = join(own.dir, "plain");
    const victim = join(own.dir, "victim");
    for (const path of [root, victim]) mkdirSync(path);
    for (const file of ["hosts", "hostname", "resolv.conf"]) writeFileSync(join(victim, file), "");
    installBusybox(root);
    const script = `mv /etc /old && ln -s ${victim} /etc`;
    const { exitCode } = await own.shell(executor, script, { root: { type: "directory", path: root } });
    expect(exitCode).toBe(0);
    expect(readdirSync(victim).toSorted()).toEqual(["hostname", "hosts", "resolv.conf"]);
  });

  test("follows an image's symbolic links inside the image only", async () => {
    using own = new Rig();
    const victim = join(own.dir, "victim");
    mkdirSync(victim);
    symlinkSync(victim, join(own.lower, "etc"));
    const { stdout } = await own.shell(executor, "cat /etc/hostname");
    expect(stdout).toBe("buildhost\n");
    expect(readdirSync(victim)).toEqual([]);
    expect(readdirSync(own.upper)).toEqual([]);
  });

  test("does not climb out of the image through ..", async () => {
    using own = new Rig();
    mkdirSync(join(own.lower, "etc"));
    symlinkSync("../../../../etc/hostname.of.image", join(own.lower, "etc/resolv.conf"));
    symlinkSync("etc/../../dev-of-image", join(own.lower, "dev"));
    mkdirSync(join(own.lower, "dev-of-image"));
    const { stdout } = await own.shell(
      executor,
      "cat /etc/hostname.of.image; [ -c /dev-of-image/null ] && echo here",
    );
    expect(stdout).toBe(`${readFileSync("/etc/resolv.conf", "utf8")}here\n`);
  });

  test("resolves names where the image's resolv.conf is a dangling link", async () => {
    using own = new Rig();
    mkdirSync(join(own.lower, "etc"));
    symlinkSync("../run/systemd/resolve/stub-resolv.conf", join(own.lower, "etc/resolv.conf"));
    const { stdout } = await own.shell(executor, "cat /etc/resolv.conf");
    expect(stdout).toBe(readFileSync("/etc/resolv.conf", "utf8"));
    expect(existsSync(join(own.upper, "run"))).toBe(false);
  });

  test("shows each of 500 lowers", async () => {
    using own = new Rig();
    const lowers = Array.from({ length: 499 }, (_, i) => {
      const path = join(own.dir, `a-rather-long-name-for-a-layer-${i}`);
      mkdirSync(path);
      writeFileSync(join(path, `file${i}`), "");
      return path;
    });
    const root = {
      type: "overlay",
      lowers: [...lowers, own.lower],
      upper: own.upper,
      work: own.work,
    } as const;
    expect((await own.shell(executor, "ls / | grep -c ^file", { root })).stdout).toBe("499\n");
    expect(readdirSync(own.upper)).toEqual([]);
  });

  test.each([
    { what: "a missing program", args: ["nothing-here"], exit: 127 },
    { what: "a missing path", args: ["/no/such/file"], exit: 127 },
    { what: "a file that may not be executed", args: ["/plain"], exit: 126 },
    { what: "a file that is no program", args: ["/text"], exit: 126 },
    { what: "a directory", args: ["/bin"], exit: 126 },
  ])("rejects $what with exit code $exit", async ({ args, exit }) => {
    using own = new Rig();
    writeFileSync(join(own.lower, "plain"), "x", { mode: 0o644 });
    writeFileSync(join(own.lower, "text"), "echo hello\n", { mode: 0o755 });
    await expect(own.run(executor, args)).rejects.toMatchObject({
      code: "run/cannot-start",
      details: { commandExitCode: exit },
    });
    expect(readdirSync(own.state)).toEqual([]);
  });

  test("runs commands at the same time, each in its own root", async () => {
    using a = new Rig();
    using b = new Rig();
    using c = new Rig();
    const outcomes = await Promise.all(
      [a, b, c].map((own, i) => own.shell(executor, `echo ${i} > /f; cat /f`)),
    );
    expect(outcomes.map((outcome) => outcome.stdout)).toEqual(["0\n", "1\n", "2\n"]);
    expect(lstatSync(join(c.upper, "f")).size).toBe(2);
  });
});
