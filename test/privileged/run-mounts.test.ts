import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../executor/rig.ts";
import { RunProject } from "../helpers/run-project.ts";
import { startTsbuild } from "../helpers/start-tsbuild.ts";
import { EXECUTORS } from "./executors.ts";

describe.each(EXECUTORS)("RUN's flags under the executor $name", ({ name }) => {
  let project: RunProject;
  const flags = [`--executor=${name}`];
  beforeAll(() => {
    project = new RunProject(`mounts-${name}`);
    project.write("one.txt", "one\n");
    project.write("dir/two.txt", "two\n");
    project.write("hidden.txt", "hidden\n");
    project.write(".dockerignore", "hidden.txt\n");
  });
  afterAll(() => project[Symbol.dispose]());

  test("binds the context as .dockerignore leaves it, read-only, and leaves no mount point behind", () => {
    project.buildTwice(
      `FROM busybox
WORKDIR /work
ARG PART=dir
RUN --mount=type=bind,target=/all ls /all > /o && ! touch /all/new 2>/dev/null
RUN --mount=source=$PART,target=rel/deep cat rel/deep/two.txt >> /o
RUN --mount=source=/../one.txt,dst=/etc/file cat /etc/file >> /o
RUN --mount=target=. ls >> /o
RUN ls / /work /etc >> /o
`,
      flags,
    );
    expect(project.run("cat", "/o")).toBe(
      "dir\none.txt\ntwo\none\ndir\none.txt\n/:\nbin\ndev\netc\nhome\no\nproc\nroot\nsys\ntmp\nusr\nwork\n\n" +
        "/etc:\ngroup\nhostname\nhosts\npasswd\nresolv.conf\n\n/work:\n",
    );
  });

  test("gives a read-write bind of a stage to one command, which keeps nothing of what it writes", () => {
    project.buildTwice(
      `FROM busybox AS made
RUN mkdir -p /d/sub && echo first > /d/sub/x && ln -s sub /d/link
FROM made AS other
RUN --mount=from=made,source=/d/link,target=/m,rw echo more > /m/y && rm /m/x && ls /m > /o
RUN --mount=type=bind,from=made,source=d/link/x,target=/one cat /one >> /o
RUN --mount=from=busybox,target=/image ls /image/etc >> /o; ls /d/sub >> /o
`,
      flags,
    );
    expect(project.run("cat", "/o")).toBe("y\nfirst\ngroup\npasswd\nx\n");
  });

  test("keeps a cache mount between builds, by its id, and out of the image", () => {
    project.buildTwice(keepsLog(name, "a"), flags);
    project.buildTwice(keepsLog(name, "b"), flags);
    expect(project.run("cat", "/o")).toBe("a\nb\n2\n750 1000:7\n/c/log\n");
    expect(project.run("ls", "/")).not.toMatch(/^c$|elsewhere/m);
  });

  test("begins a cache mount with the files of a stage, and mounts a part of it", () => {
    project.buildTwice(
      `FROM busybox AS seed
RUN mkdir /sub && echo seed > /sub/file && chown 5:6 /sub/file
FROM busybox
RUN --mount=type=cache,id=seeded-${name},from=seed,source=/sub,target=/c cat /c/file > /o && stat -c %u:%g /c/file >> /o && echo new > /c/file2
RUN --mount=type=cache,id=seeded-${name},from=seed,target=/c cat /c/sub/file2 >> /o && ln -s / /c/out && ln -s /sub /c/in
RUN --mount=type=cache,id=seeded-${name},from=seed,target=/c,source=out ls -d /c/sub >> /o
RUN --mount=type=cache,id=seeded-${name},from=seed,target=/c,source=in cat /c/file2 >> /o
`,
      flags,
    );
    expect(project.run("cat", "/o")).toBe("seed\n5:6\nnew\n/c/sub\nnew\n");
  });

  test("mounts a tmpfs of the size asked for, others inside it, and a larger /dev/shm", () => {
    project.buildTwice(
      `FROM busybox
RUN --mount=type=tmpfs,target=/t,size=1m df -k /t | tail -n1 | awk '{print $2}' > /o; stat -c %a /t >> /o
RUN --mount=type=tmpfs,target=/t --mount=source=one.txt,target=/t/a/b/one cat /t/a/b/one >> /o; df -k /dev/shm | tail -n1 | awk '{print $2}' >> /o
RUN --mount=type=bind,target=/b,rw --mount=type=cache,id=in-${name},target=/b/dir touch /b/dir/made && ls /b/dir >> /o
RUN --mount=type=tmpfs,target=/dev/shm,size=2m df -k /dev/shm | tail -n1 | awk '{print $2}' >> /o
`,
      [...flags, "--shm-size=32m"],
    );
    expect(project.run("cat", "/o")).toBe("1024\n1777\none\n32768\nmade\n2048\n");
  });

  test("forwards SSH agents through sockets of the owner and mode asked for", async () => {
    project.tsbuild("base", "create", "ssh", "sh", "stat", "ssh-add", "cat");
    const key = makeKey(project.folder, "key");
    await using agent = await startAgent(project.folder, key);
    project.buildTwice(
      `FROM ssh
RUN --mount=type=ssh --mount=type=ssh,id=two,target=/tmp/two,uid=1000,gid=7,mode=0660 \\
  echo $SSH_AUTH_SOCK > /o; stat -c '%a %u:%g %F' $SSH_AUTH_SOCK /tmp/two >> /o; ssh-add -L >> /o; SSH_AUTH_SOCK=/tmp/two ssh-add -L >> /o
RUN --mount=type=ssh,id=none test ! -e $SSH_AUTH_SOCK
`,
      [...flags, `--ssh=default=${key}`, "--ssh", "two"],
      { SSH_AUTH_SOCK: agent.socket },
    );
    const publicKey = readFileSync(`${key}.pub`, "utf8");
    expect(project.run("cat", "/o")).toBe(
      `/run/buildkit/ssh_agent.0\n600 0:0 socket\n660 1000:7 socket\n${publicKey}${publicKey}`,
    );
    expect(
      project.build("FROM busybox\nRUN --mount=type=ssh,id=x,required true\n", flags).error,
    ).toMatchObject({
      code: "run/no-secret",
      line: 2,
    });
  });

  test("sets limits, hosts and the network asked for", () => {
    const args = [
      "--add-host",
      "one:10.1.2.3",
      "--add-host=two=[::5]",
      "--ulimit",
      "nofile=333:444",
      "--ulimit=core=0",
    ];
    project.buildTwice(
      `FROM busybox
RUN tail -n2 /etc/hosts > /o; ulimit -n >> /o; ulimit -Hn >> /o; ulimit -Hc >> /o
RUN --network=none ls /sys/class/net >> /o; tail -n1 /etc/hosts >> /o
`,
      [...flags, ...args],
    );
    expect(project.run("cat", "/o")).toBe("10.1.2.3\tone\n::5\ttwo\n333\n444\n0\nlo\n::5\ttwo\n");
  });

  test("ends a command that takes more memory than it may, and leaves no control group", () => {
    const script = `awk 'BEGIN { while (1) s = s "0123456789012345678901234567890123456789" s }'`;
    const args = [
      "--memory=24m",
      "--memory-swap=24m",
      "--cpu-shares=512",
      "--cpu-quota=50000",
      "--cpuset-cpus=0",
    ];
    // The shell outlives it: util-linux's unshare misreports a first process that a signal ends.
    const built = project.build(`FROM busybox\nRUN ${script}; exit $?\n`, [...flags, ...args]);
    expect(built.error?.message ?? built.said).toBe("RUN ended with exit code 137");
    const groups = execFileSync("find", ["/sys/fs/cgroup", "-name", "tsbuild-*"], { encoding: "utf8" });
    expect(groups).toBe("");
  });

  test("leaves no mount, process or lease behind", () => {
    expect(project.leftovers()).toEqual([]);
  });

  test("gives all rights to --security=insecure where the command line allows it, and to no other", () => {
    const dockerfile = `FROM busybox
RUN --security=insecure grep -E 'Seccomp:|CapEff' /proc/self/status > /o; mkdir /m && mount -t tmpfs x /m && umount /m && rmdir /m && echo mounted >> /o
RUN --security=sandbox grep -E 'Seccomp:|CapEff' /proc/self/status >> /o
`;
    const bounding = /CapBnd:\s*(\w+)/.exec(
      execFileSync("cat", ["/proc/self/status"], { encoding: "utf8" }),
    )?.[1];
    project.buildTwice(dockerfile, [...flags, "--allow=security.insecure"]);
    const seccomp = name === "unshare" ? 0 : 2;
    expect(project.run("cat", "/o")).toBe(
      `CapEff:\t${bounding}\nSeccomp:\t0\nmounted\nCapEff:\t00000000a80425fb\nSeccomp:\t${seccomp}\n`,
    );
    expect(project.build(dockerfile, flags).error).toMatchObject({ code: "plan/not-allowed", line: 2 });
  });
});

describe("sharing a cache mount", () => {
  test("locked lets one command in at a time", () => {
    using project = new RunProject("locked");
    project.buildTwice(twoSteps("locked", insist));
    expect(project.run("cat", "/o")).toBe("2\n");
  });

  test("private gives each its own, and the next build one of them", () => {
    using project = new RunProject("private");
    project.buildTwice(twoSteps("private", meet));
    expect(project.run("cat", "/o")).toBe("1\n");
    expect(slots(project)).toEqual(["0", "1"]);
    expect(project.build(twoSteps("private", insist), ["--no-cache"]).status).toBe(0);
    expect(slots(project)).toEqual(["0", "1"]);
  });

  test("shared lets all in at once", () => {
    using project = new RunProject("shared");
    project.buildTwice(twoSteps("shared", meet));
    expect(project.run("cat", "/o")).toBe("2\n");
  });

  test("locked waits for another process, and goes on after its end by force", async () => {
    using project = new RunProject("waiting");
    const file = join(project.folder, "Dockerfile.holder");
    writeFileSync(
      file,
      "FROM busybox\nRUN --mount=type=cache,id=s,sharing=locked,target=/c echo mine > /c/x; echo holding; sleep 1000\n",
    );
    const holder = startTsbuild(["--progress=plain", "-f", file, project.context], { home: project.home });
    await holder.said(/│ holding/);
    const text = "FROM busybox\nRUN --mount=type=cache,id=s,sharing=locked,target=/c cat /c/x\n";
    writeFileSync(join(project.folder, "Dockerfile.waiter"), text);
    const waiter = startTsbuild(
      ["--progress=plain", "-f", join(project.folder, "Dockerfile.waiter"), project.context],
      {
        home: project.home,
      },
    );
    await waiter.said(/run .*RUN/);
    expect(project.tsbuild("cache", "prune", "-a", "-f").stdout).toContain("0 cache mounts");
    process.kill(holder.pid, "SIGKILL");
    expect(await waiter.ended).toMatchObject({ code: 0 });
    expect(waiter.output()).toContain("│ mine");
  });
});

test("a mounted file that moved is named; times, unread names and the id of a cache are no reason to run again", () => {
  using project = new RunProject("mount-keys");
  project.write("dir/a", "1");
  project.write("dir/b", "1");
  project.write("other", "1");
  const dockerfile =
    "FROM busybox\nRUN --mount=source=dir,target=/m --mount=type=cache,id=one,target=/c cat /m/a > /o\n";
  project.buildTwice(dockerfile);
  utimesSync(join(project.context, "dir/a"), 1_600_000_000, 1_600_000_000);
  project.write("other", "2");
  expect(project.build(dockerfile).runs).toEqual(["HIT"]);
  expect(project.build(dockerfile.replace("id=one", "id=two,sharing=locked")).runs).toEqual(["HIT"]);

  project.write("dir/b", "2");
  expect(project.build(dockerfile, ["--progress=plain"]).said).toContain("mounted dir/b changed");
  const explained = JSON.parse(project.tsbuild("explain", "--format=json").stdout) as {
    steps: { instruction: string; changes: { kind: string; subject: string }[] }[];
  };
  const changes = explained.steps.find(({ instruction }) => instruction.startsWith("RUN"))?.changes;
  expect(changes).toMatchObject([{ kind: "mount", subject: "dir/b" }]);
  // What is mounted and stayed is named beside it.
  const same = /^ {2}same {2}.*/m.exec(project.tsbuild("explain").stdout)?.[0].slice("  same  ".length);
  expect(same?.split(", ")).toContain("--mount /c");
  expect(same?.split(", ")).not.toContain("dir");
  expect(project.build(dockerfile.replace("target=/m", "target=/m,rw")).runs).toEqual(["MISS"]);
  expect(project.build(dockerfile.replace("target=/c", "target=/d")).runs).toEqual(["MISS"]);
});

test("cache mounts are listed, counted and pruned", () => {
  using project = new RunProject("cache-upkeep");
  project.buildTwice(
    "FROM busybox\nRUN --mount=type=cache,target=/c dd if=/dev/zero of=/c/big bs=1M count=3 2>/dev/null\n",
  );
  const json = project
    .tsbuild("cache", "ls", "--format=json")
    .stdout.trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string });
  expect(json.find(({ type }) => type === "exec.cachemount")).toMatchObject({ id: "/c", slot: 0 });
  expect(project.tsbuild("cache", "ls").stdout).toMatch(/exec\.cachemount +3\.\d+ ?MB .* mount \/c/);
  expect(project.tsbuild("system", "df").stdout).toMatch(/Cache mounts +1 .* 3\.\d+ ?MB/);
  expect(project.tsbuild("cache", "prune", "-f", "-a", "--filter=type=regular").stdout).toContain(
    "0 cache mounts",
  );
  expect(project.tsbuild("cache", "prune", "-f").stdout).toContain("0 cache mounts");
  expect(project.tsbuild("cache", "prune", "-f", "-a", "--filter", "type=exec.cachemount").stdout).toContain(
    "1 cache mount",
  );
  expect(project.tsbuild("cache", "ls").stdout).not.toContain("exec.cachemount");
  expect(project.tsbuild("verify", "made").status).toBe(0);
});

test("a key with a passphrase is refused, and nobody is asked for it", () => {
  using project = new RunProject("locked-key");
  const key = makeKey(project.folder, "locked", "secret");
  const built = project.build("FROM busybox\nRUN --mount=type=ssh true\n", ["--ssh", `default=${key}`]);
  expect(built.error).toMatchObject({ code: "run/no-secret" });
  expect(built.error?.message).toContain("passphrase");
});

test("the agent of a build's own goes with a build that is killed", async () => {
  using project = new RunProject("killed-agent");
  const key = makeKey(project.folder, "key");
  const file = join(project.folder, "Dockerfile.long");
  writeFileSync(file, "FROM busybox\nRUN --mount=type=ssh,required echo there; sleep 1000\n");
  const build = startTsbuild(["--progress=plain", "--ssh", `default=${key}`, "-f", file, project.context], {
    home: project.home,
  });
  await build.said(/│ there/);
  expect(agentsBelow(project.home)).toBe(1);
  process.kill(build.pid, "SIGKILL");
  await build.ended;
  await until(() => agentsBelow(project.home) === 0);
  expect(project.build("FROM busybox\nRUN true\n").status).toBe(0);
  expect(project.leftovers()).toEqual([]);
});

function makeKey(folder: string, name: string, passphrase = ""): string {
  const key = join(folder, name);
  if (!existsSync(key)) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-f", key]);
  return key;
}

/** An agent of a person's session, with the key in it. */
async function startAgent(
  folder: string,
  key: string,
): Promise<AsyncDisposable & { readonly socket: string }> {
  const socket = join(folder, "agent");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  await until(() => existsSync(socket));
  execFileSync("ssh-add", ["-q", key], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: "ignore" });
  return {
    socket,
    [Symbol.asyncDispose]: async () => {
      const ended = new Promise((resolve) => agent.once("exit", resolve));
      agent.kill();
      await ended;
    },
  };
}

/** Agents whose working directory is in a store. */
function agentsBelow(home: string): number {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return (
        readlinkSync(`/proc/${pid}/cwd`).startsWith(home) &&
        readlinkSync(`/proc/${pid}/exe`).includes("ssh-agent")
      );
    } catch {
      return false;
    }
  }).length;
}

function keepsLog(name: string, mark: string): string {
  return `FROM busybox
RUN --mount=type=cache,target=/c,id=${name} echo ${mark} >> /c/log && cat /c/log > /o
RUN --mount=type=cache,target=/elsewhere,id=${name} wc -l < /elsewhere/log >> /o
RUN --mount=type=cache,id=owned-${name},target=/c,mode=0750,uid=1000,gid=7 stat -c '%a %u:%g' /c >> /o
RUN --mount=type=cache,id=${name},target=/c,ro ! touch /c/new 2>/dev/null && ls -d /c/log >> /o
`;
}

/** Two steps with one cache each, under `sharing`, and a third that counts the lines they left. */
function twoSteps(sharing: string, work: (own: string, other: string) => string): string {
  const mounts = `--mount=type=cache,id=s,sharing=${sharing},target=/c --mount=type=cache,id=meet,target=/meet`;
  return `FROM busybox AS a
RUN ${mounts} ${work("a", "b")}; echo a >> /c/log
FROM busybox AS b
RUN ${mounts} ${work("b", "a")}; echo b >> /c/log
FROM busybox
COPY --from=a /etc/passwd /a
COPY --from=b /etc/passwd /b
RUN --mount=type=cache,id=s,target=/c wc -l < /c/log > /o
`;
}

/** Goes on once both steps are at work. */
function meet(own: string, other: string): string {
  return `touch /meet/${own}; until test -e /meet/${other}; do true; done`;
}

/** Ends with an error where somebody else does the same in the same cache at the same time. */
function insist(): string {
  return "for i in $(seq 400); do mkdir /c/in && rmdir /c/in || exit 1; done";
}

/** Of the cache `s`. */
function slots(project: RunProject): readonly string[] {
  const mounts = join(project.home, "cache", "mounts");
  const folder = readdirSync(mounts).find((name) =>
    readFileSync(join(mounts, name, "mount.json"), "utf8").includes('"s"'),
  );
  return readdirSync(join(mounts, folder ?? "")).filter((name) => /^\d+$/.test(name));
}
