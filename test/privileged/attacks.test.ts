/**
 * What Dockerfiles and images have done to other builders, done to this one (the CVEs are of runc, BuildKit, Docker and
 * buildah). Each test was seen to fail on a build weakened by hand; `WEAKENED` says how.
 */

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PROJECT_ROOT } from "../helpers/project-root.ts";
import { RunProject } from "../helpers/run-project.ts";
import { EXECUTORS } from "./executors.ts";

describe.each(EXECUTORS)("under the executor $name", ({ name }) => {
  const flags = [`--executor=${name}`];

  // CVE-2024-21626. WEAKENED: no row of the native launcher closes files before the directory is entered.
  test("a working directory of /proc/self/fd/N is not the machine's", () => {
    using project = new RunProject("attack-fd");
    const marker = join(project.folder, "marker");
    writeFileSync(marker, "the machine's own file");
    const up = "..".concat("/..".repeat(12));
    // A source inside a cache mount is opened by way of a descriptor of the machine's own directory.
    const run = `RUN --mount=type=cache,id=x,target=/c,source=sub cat ${up}${marker} ${marker} 2>/dev/null || true`;
    const opened = name === "native" ? Array.from({ length: 22 }, (_, i) => i + 3) : [3, 4, 5, 6, 7, 8];
    const file = join(project.folder, "Dockerfile");
    const first = "FROM busybox\nRUN --mount=type=cache,id=x,target=/c mkdir /c/sub\n";
    expect(project.build(first, flags).status).toBe(0);
    // Started by somebody careless, with the machine's root open.
    const careless = [
      "-c",
      'exec 57</; exec "$0" "$@"',
      process.execPath,
      join(PROJECT_ROOT, "dist/tsbuild.cjs"),
    ];
    for (const fd of [...opened, 57]) {
      writeFileSync(file, `FROM busybox\nWORKDIR /proc/self/fd/${fd}\n${run}\n`);
      const args = ["--progress=plain", ...flags, "-f", file, project.context];
      const env = { ...process.env, TSBUILD_HOME: project.home };
      const done = spawnSync("bash", [...careless, ...args], { env, encoding: "utf8" });
      expect(done.stderr).toMatch(/misses?|cannot-start|workspace/);
      expect(done.stderr).not.toContain("│ the machine's own file");
    }
  });

  // CVE-2024-23651, CVE-2024-9675. WEAKENED: the source joined to the cache's path and opened by that.
  test("a source inside a cache mount that is a link stays inside the cache", () => {
    using project = new RunProject("attack-cache-link");
    const outside = join(project.folder, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "marker"), "");
    const built = project.build(
      `FROM busybox
RUN --mount=type=cache,id=x,target=/c ln -s ${outside} /c/absolute && ln -s ../../../../../../../../../../../..${outside} /c/relative && ln -s / /c/root && mkdir -p /c${outside}
${fromCache("absolute")} ! test -e /c/marker && touch /c/mine
${fromCache("relative")} test -e /c/mine && ! test -e /c/marker
${fromCache("root/absolute")} test -e /c/mine
${fromCache("../../../..")} test -L /c/absolute && ! test -e /c/bin
`,
      flags,
    );
    expect(built.error ?? built.runs).toEqual(["MISS", "MISS", "MISS", "MISS", "MISS"]);
    expect(readdirSync(outside)).toEqual(["marker"]);
  });

  // CVE-2024-23651. WEAKENED: as above. What oci and unshare look at instead is in test/executor/stage-mounts.test.ts.
  test("a source that is swapped for a link at the moment of mounting does not lead out of the cache", async () => {
    using project = new RunProject("attack-cache-race");
    const outside = join(project.folder, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "marker"), "");
    const first = "FROM busybox\nRUN --mount=type=cache,id=x,target=/c mkdir /c/sub && touch /c/sub/inside\n";
    expect(project.build(first, flags).status).toBe(0);
    const mounts = join(project.home, "cache", "mounts");
    const [folder = ""] = readdirSync(mounts);
    await using _swapper = startSwapper(join(mounts, folder, "0", "data"), outside);
    for (let i = 0; i < 8; i += 1) {
      const run = `RUN --mount=type=cache,id=x,target=/c,source=sub ls /c; true ${i}`;
      const { said } = project.build(`FROM busybox\n${run}\n`, [...flags, "--progress=plain"]);
      expect(said).not.toMatch(/│ marker/);
      expect(said).toMatch(
        /│ inside|was moved meanwhile|is not in the cache|cannot prepare the command: (find|mount)/,
      );
    }
  });

  // CVE-2024-23652. WEAKENED: isRealDirectory of mount-points.ts always true.
  test("cleaning up mount points follows no link that the command left in their place", () => {
    using project = new RunProject("attack-cleanup");
    const victim = join(project.folder, "victim");
    mkdirSync(join(victim, "b/c"), { recursive: true });
    mkdirSync(join(victim, "file"));
    const built = project.build(
      `FROM busybox
RUN --mount=type=tmpfs,target=/a/b/c mv /a /moved && ln -s ${victim} /a
RUN --mount=type=tmpfs,target=/x/b/c mv /x /gone && ln -s ../../../../../../../../../..${victim} /x
`,
      flags,
    );
    expect(built.status).toBe(0);
    expect(readdirSync(victim).toSorted()).toEqual(["b", "file"]);
    expect(existsSync(join(victim, "b/c"))).toBe(true);
  });

  // CVE-2024-1753. WEAKENED: the source not resolved in the stage's own tree (run-mounts.ts) but joined as written.
  test("a bind of a link to / is the stage's root, also for writing", () => {
    using project = new RunProject("attack-bind-root");
    const mark = `tsbuild-attack-${process.pid}`;
    const built = project.build(
      `FROM busybox AS evil
RUN ln -s / /up && ln -s ../../../../../../../../../../../../.. /dots && ln -s ${project.folder} /away
FROM busybox
RUN --mount=from=evil,source=/up,target=/m,rw touch /m/${mark} && test -L /m/up
RUN --mount=from=evil,source=/dots,target=/m,rw touch /m/${mark} && test -L /m/up
RUN --mount=from=evil,source=/up/dots/up,target=/m ls /m > /o
`,
      flags,
    );
    const escaped = existsSync(`/${mark}`);
    rmSync(`/${mark}`, { force: true });
    expect(escaped).toBe(false);
    expect(built.error).toBe(null);
    expect(project.run("cat", "/o")).toContain("dots");
    const dangling = project.build(
      "FROM busybox AS evil\nRUN ln -s /nowhere /l\nFROM busybox\nRUN --mount=from=evil,source=/l,target=/m true\n",
      flags,
    );
    expect(dangling.error?.code).toBe("context/file-not-found");
  });

  // CVE-2024-11218. WEAKENED: the layer's own tree bound in place of an overlay over it (treeRoot in stage-mounts.ts).
  test("steps that write into one source side by side never see each other, and nor does the store", () => {
    using project = new RunProject("attack-parallel");
    project.write("dir/file", "context\n");
    const built = project.buildTwice(
      `FROM busybox AS src
RUN mkdir -p /d/sub && echo stage > /d/sub/file
FROM busybox AS a
${swapInBoth("a")}
FROM busybox AS b
${swapInBoth("b")}
FROM busybox
COPY --from=a /o /a
COPY --from=b /o /b
RUN --mount=from=src,source=/d/sub,target=/m --mount=source=dir,target=/ctx cat /a /b /m/file /ctx/file > /o
`,
      flags,
    );
    expect(built.status).toBe(0);
    expect(project.run("cat", "/o")).toBe("a\na\nb\nb\nstage\ncontext\n");
    expect(project.tsbuild("verify", "made").status).toBe(0);
  });
});

// CVE-2024-9675. WEAKENED: the id itself as the folder's name (cache-mount-directory.ts).
test.each(["../../..", "/etc", "..", "a/../../../b", "."])(
  "a cache mount called %s is a directory of the store's",
  (id) => {
    using project = new RunProject("attack-cache-id");
    const before = readdirSync(project.folder).toSorted();
    const built = project.build(
      `FROM busybox\nRUN --mount=type=cache,id=${id},target=/c touch /c/here && ls /c > /o\n`,
    );
    expect(built.error).toBe(null);
    expect(project.run("cat", "/o")).toBe("here\n");
    const [folder = "", ...more] = readdirSync(join(project.home, "cache", "mounts"));
    expect(more).toEqual([]);
    expect(readdirSync(join(project.home, "cache", "mounts", folder, "0", "data"))).toEqual(["here"]);
    expect(
      readdirSync(project.folder)
        .filter((entry) => entry !== "Dockerfile")
        .toSorted(),
    ).toEqual(before);
  },
);

// CVE-2024-23653. WEAKENED: requireEntitlement (lower-run.ts) returns at once.
test.each([
  ["RUN --security=insecure true", []],
  ["RUN --security=insecure true", ["--allow=network.host"]],
  ["RUN --network=host true", ["--network=none"]],
  ["RUN --network=host true", ["--network=none", "--allow=security.insecure"]],
])("%s with %j gets no more rights than the command line gives", (line, args) => {
  using project = new RunProject("attack-entitlement");
  expect(project.build(`FROM busybox\n${line}\n`, args).error).toMatchObject({
    code: "plan/not-allowed",
    line: 2,
  });
  // Nor from an image's own triggers.
  expect(project.build(`FROM busybox AS a\nONBUILD ${line}\nFROM a\n`, args).error).toMatchObject({
    code: "plan/not-allowed",
  });
});

// CVE-2024-9407. WEAKENED: unknown keys passed over (run-mount.ts).
test.each([
  "type=bind,target=/m,bind-propagation=rshared",
  "type=bind,target=/m,relabel=shared",
  "type=bind,target=/m,exec",
  "type=bind,target=/m,z",
  "type=tmpfs,target=/m,size=1m,nr_inodes=5",
  "type=tmpfs,target=/m,tmpcopyup",
  "type=cache,target=/m,dev=true",
  "type=bind,target=/proc/sys,rw",
  "type=bind,target=/sys",
])("--mount=%s is refused", (mount) => {
  using project = new RunProject("attack-options");
  expect(project.build(`FROM busybox\nRUN --mount=${mount} true\n`).error).toMatchObject({
    code: "dockerfile/bad-flag",
    line: 2,
  });
});

// CVE-2024-9407. WEAKENED: a value split at every comma, quotes or not.
test.each(EXECUTORS)("names that look like options are names to $name", ({ name }) => {
  using project = new RunProject("attack-names");
  project.write("a,dev,suid", "commas\n");
  project.write("b; touch escaped; #", "words\n");
  const built = project.build(
    String.raw`FROM busybox
RUN --mount=type=bind,\"source=a,dev,suid\",\"target=/x,exec\" cat /x,exec > /o
RUN --mount="type=bind,source=b; touch escaped; #,target=/y; touch /escaped; #" cat "/y; touch /escaped; #" >> /o; ls / | grep escaped || true
`,
    [`--executor=${name}`],
  );
  expect(built.error).toBe(null);
  expect(project.run("cat", "/o")).toBe("commas\nwords\n");
});

// CVE-2024-9676. WEAKENED: account files read whatever they are, by their path on disk. It then stalls, and the test with it.
test.each([
  ["a link to /dev/zero", "ln -sf /dev/zero /etc/passwd"],
  [
    "a link out of the image",
    "ln -sf ../../../../../../../../etc/passwd /etc/passwd && echo only:x:5:5::/: > /etc/real",
  ],
  ["a fifo", "rm /etc/passwd && mkfifo /etc/passwd"],
  ["a device", "rm /etc/passwd && mknod /etc/passwd c 1 5"],
  ["8 MB of nothing", "truncate -s 8M /etc/passwd"],
])("an /etc/passwd that is %s stalls nothing", (_, command) => {
  using project = new RunProject("attack-passwd");
  const built = project.build(`FROM busybox\nRUN ${command}\nUSER app\nRUN true\n`);
  expect(built.error).toMatchObject({ code: "run/bad-user" });
  const copied = project.build(`FROM busybox\nRUN ${command}\nCOPY --chown=app Dockerfile* /\n`);
  expect(copied.status).toBe(1);
  expect(project.build(`FROM busybox\nRUN ${command}\nUSER 1000\nRUN true\n`).status).toBe(0);
});

// CVE-2024-24557. WEAKENED, in this order: parentInput (tsbuild-model.ts) gives nothing; triggersOf (stages.ts) gives none; the
// digest of a copied file is left out of the key.
describe("an image that looks like an earlier result", () => {
  test("with the same history and other files is not taken for it", () => {
    using project = new RunProject("attack-poison");
    const dockerfile = "FROM victim\nRUN cat /secret > /o\n";
    for (const content of ["good\n", "evil\n"]) {
      project.tsbuild("rmi", "victim");
      importImage(project, "victim", content, []);
      expect(project.buildTwice(dockerfile).runs).toEqual(["MISS"]);
      expect(project.run("cat", "/o")).toBe(content);
    }
  });

  test("with the same history and files passes on its own HEALTHCHECK and ONBUILD, and no other's", () => {
    using project = new RunProject("attack-config");
    importImage(project, "plain", "same\n", []);
    importImage(project, "evil", "same\n", ["HEALTHCHECK CMD evil", "ONBUILD RUN echo evil > /triggered"]);
    expect(project.build("FROM evil\nRUN echo made > /made\n").status).toBe(0);
    expect(configOf(project)["Healthcheck"]).toMatchObject({ Test: ["CMD-SHELL", "evil"] });
    expect(project.run("cat", "/triggered")).toBe("evil\n");
    expect(project.build("FROM plain\nRUN echo made > /made\n").status).toBe(0);
    expect(configOf(project)["Healthcheck"] ?? null).toBe(null);
    expect(project.run("ls", "/")).not.toContain("triggered");
  });

  test("of FROM scratch gives nothing to a build of the same instructions", () => {
    using project = new RunProject("attack-scratch");
    const dockerfile = "FROM scratch\nCOPY file /secret\n";
    // Every instruction as the build has it, the content another's.
    project.write("file", "evil\n");
    expect(project.build(dockerfile, ["-t", "lookalike"]).status).toBe(0);
    project.write("file", "good\n");
    const built = project.buildTwice(dockerfile);
    expect(built.status).toBe(0);
    const on = project.buildTwice(`${dockerfile}FROM busybox\nCOPY --from=0 /secret /o\n`);
    expect(on.status).toBe(0);
    expect(project.run("cat", "/o")).toBe("good\n");
  });
});

function fromCache(source: string): string {
  return `RUN --mount=type=cache,id=x,target=/c,source=${source}`;
}

/** Writes what it can into a stage and the context, by way of a directory that is a link to / now and then. */
function swapInBoth(letter: string): string {
  return `RUN --mount=from=src,source=/d,target=/m,rw --mount=source=dir,target=/ctx,rw \\
  for i in 1 2 3 4 5 6 7 8 9; do rm -rf /m/sub && ln -s / /m/sub && rm /m/sub && mkdir /m/sub; echo ${letter} > /m/sub/file; echo ${letter} > /ctx/file; done; cat /m/sub/file /ctx/file > /o`;
}

/** Exchanges `sub` for a link to `outside` and back, as fast as it goes, until it is disposed of. */
function startSwapper(dir: string, outside: string): AsyncDisposable {
  const script = `
    const { renameSync, symlinkSync, rmSync } = require("node:fs");
    process.chdir(${JSON.stringify(dir)});
    process.on("message", () => process.exit());
    (function swap() {
      for (let i = 0; i < 200; i += 1) {
        renameSync("sub", "real"); symlinkSync(${JSON.stringify(outside)}, "sub");
        rmSync("sub"); renameSync("real", "sub");
      }
      setImmediate(swap);
    })();`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
  return {
    [Symbol.asyncDispose]: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.send("end");
      await ended;
    },
  };
}

function importImage(project: RunProject, name: string, content: string, changes: readonly string[]): void {
  project.write("image-file", content);
  const built = project.build(
    `FROM busybox\nCOPY image-file /secret\n${changes.join("\n")}\n`,
    ["-t", name, "--no-cache"],
    { SOURCE_DATE_EPOCH: "1700000000" },
  );
  if (built.status !== 0) throw new Error(built.said);
}

function configOf(project: RunProject): Record<string, unknown> {
  const [image] = JSON.parse(project.tsbuild("inspect", "made").stdout) as {
    Config: Record<string, unknown>;
  }[];
  return image?.Config ?? {};
}
