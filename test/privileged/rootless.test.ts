import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../executor/rig.ts";
import { busyboxTar, EPOCH, importBusybox } from "../helpers/busybox-image.ts";
import { leftovers } from "../helpers/leftovers.ts";
import { PROJECT_ROOT } from "../helpers/project-root.ts";
import { tsbuild } from "../helpers/run-tsbuild.ts";
import { buildTar } from "../helpers/tar-builder.ts";
import { readTar } from "../helpers/tar-reader.ts";
import { tempDir } from "../helpers/temp-dir.ts";

interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** An account of this machine's; a system account gets no lines in /etc/subuid. */
function addUser(name: string, more: readonly string[]): User {
  execFileSync("useradd", [...more, "--no-create-home", name]);
  const [uid = "", gid = ""] = ["-u", "-g"].map((flag) =>
    execFileSync("id", [flag, name], { encoding: "utf8" }),
  );
  return { name, uid: Number(uid), gid: Number(gid) };
}

let full: User;
let single: User;

beforeAll(() => {
  full = addUser(`tsbfull${process.pid}`, ["--add-subids-for-system", "--system"]);
  single = addUser(`tsbone${process.pid}`, ["--system"]);
});

afterAll(() => {
  for (const user of [full, single]) execFileSync("userdel", [user.name]);
});

/** A folder of the user's, with a context in it. */
function folderOf(
  user: User,
  dockerfile: string,
): Disposable & { readonly home: string; readonly context: string } {
  const dir = tempDir("rootless");
  const context = join(dir.path, "context");
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), dockerfile);
  writeFileSync(join(context, "file"), "content");
  const folders = [dir.path, context];
  for (const path of [...folders, join(context, "Dockerfile"), join(context, "file")]) {
    chmodSync(path, folders.includes(path) ? 0o755 : 0o644);
    chownSync(path, user.uid, user.gid);
  }
  return { home: join(dir.path, "home"), context, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

function asUser(user: User, args: readonly string[], home: string, input: Buffer | string = "") {
  return spawnSync(process.execPath, [join(PROJECT_ROOT, "dist/tsbuild.cjs"), ...args], {
    uid: user.uid,
    gid: user.gid,
    cwd: "/",
    input,
    encoding: "utf8",
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", TSBUILD_HOME: home, ...EPOCH },
  });
}

interface ResultLine {
  readonly image: { readonly id: string; readonly digest: string };
  readonly steps: readonly { readonly result: string }[];
}

function lastLine(output: string): ResultLine {
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as ResultLine;
}

const DOCKERFILE = `FROM busybox
RUN mkdir -p /var/lib/pkg && echo db > /var/lib/pkg/db && chown -R 1:1 /var/lib/pkg && chown 65534:1000 /home/app
RUN cp /bin/busybox /su && chown 1000:1000 /su && chmod 6755 /su && ln /su /su2
COPY --chown=app:daemon file /file
USER app
RUN id -u > /tmp/id && id -un >> /tmp/id && echo mine > /home/mine || echo refused >> /tmp/id
USER root
RUN rm -r /var/lib && cat /tmp/id && stat -c %u /tmp/id
`;

test("an ordinary user with sub-ids builds what root builds, step by step the same ids", () => {
  using folder = folderOf(full, DOCKERFILE);
  using rootDir = tempDir("rooted");
  importBusybox(rootDir.path);
  const args = ["build", "--progress=json", "-t", "mine", folder.context];
  const byRoot = lastLine(tsbuild(args, { home: rootDir.path, env: EPOCH }).stdout);

  const tar = tsbuild(["save", "busybox"], { home: rootDir.path }).bytes;
  const loaded = asUser(full, ["load"], folder.home, tar);
  expect(loaded.stderr).not.toContain("error");
  const built = asUser(full, args, folder.home);
  expect(built.stderr).toBe("");
  expect(lastLine(built.stdout).image.id).toBe(byRoot.image.id);

  const again = asUser(full, args, folder.home);
  expect(lastLine(again.stdout).image).toEqual(lastLine(built.stdout).image);
  expect(lastLine(again.stdout).steps.filter(({ result }) => result === "MISS")).toEqual([]);

  const out = join(folder.context, "../out");
  chmodSync(join(folder.context, ".."), 0o755);
  expect(asUser(full, ["build", "-o", out, folder.context], folder.home).stderr).toContain("0 misses");
  expect(readFileSync(join(out, "tmp/id"), "utf8")).toBe("1000\napp\nrefused\n");
  // Files belong to who asked for them, whoever they belong to in the image.
  expect(statSync(join(out, "su"))).toMatchObject({ uid: full.uid, gid: full.gid, nlink: 2 });
  expect(statSync(join(out, "su")).mode & 0o7777).toBe(0o6755);

  const ran = asUser(full, ["run", "--rm", "mine", "cat", "/tmp/id"], folder.home);
  expect(ran).toMatchObject({ status: 0, stdout: "1000\napp\nrefused\n" });
  expect(ownersOf(folder.home, lastLine(built.stdout).image.digest)).toContainEqual([
    "home/app/",
    65534,
    1000,
  ]);
  expect(leftovers(folder.home)).toEqual([]);

  for (const clean of [
    ["rmi", "mine"],
    ["image", "prune", "-a", "-f"],
  ]) {
    const done = asUser(full, clean, folder.home);
    expect(`${done.status} ${done.stderr}`).toBe("0 ");
  }
  expect(readdirSync(join(folder.home, "refs")).length).toBe(0);
});

test("an ordinary user's containers run, keep what they changed, and are copied into and out of", async () => {
  using folder = folderOf(full, DOCKERFILE);
  const run = (args: readonly string[], input: Buffer | string = "") => {
    const done = asUser(full, args, folder.home, input);
    expect(`${done.status} ${done.stderr}`).toBe("0 ");
    return done.stdout.trim();
  };
  run(["import", "--change", "ENV PATH=/bin", "-", "busybox"], busyboxTar());
  const patient = 'trap "exit 4" TERM; touch /tmp/mine; echo up; while :; do sleep 0.1; done';
  run(["run", "-d", "--name", "own", "-u", "app", "busybox", "sh", "-c", patient]);
  run(["cp", join(folder.context, "file"), "own:/tmp/running"]);
  run(["stop", "own"]);
  expect(run(["wait", "own"])).toBe("4");
  expect(run(["logs", "own"])).toBe("up");
  run(["cp", "-", "own:/tmp"], buildTar({ name: "stopped", content: "x", uid: 1000 }));
  expect(run(["diff", "own"])).toBe("C /tmp\nA /tmp/mine\nA /tmp/running\nA /tmp/stopped");
  run(["start", "own"]);
  expect(run(["cp", "own:/tmp/running", "-"])).toContain("content");
  run(["commit", "own", "own:1"]);
  expect(run(["run", "--rm", "own:1", "stat", "-c", "%u %n", "/tmp/mine", "/tmp/stopped"])).toBe(
    "1000 /tmp/mine\n1000 /tmp/stopped",
  );
  run(["rm", "-f", "own"]);
  // The process that ran it says that it has ended a moment before it has.
  await until(() => leftovers(folder.home).length === 0);
});

/** Path, uid and gid of every entry of an image's layers. */
function ownersOf(home: string, digest: string) {
  const blob = (name: string) => readFileSync(join(home, "blobs/sha256", name.slice("sha256:".length)));
  const manifest = JSON.parse(blob(digest).toString()) as { layers: { digest: string }[] };
  return manifest.layers.flatMap((layer) =>
    readTar(blob(layer.digest)).map(({ path, uid, gid }) => [path, uid, gid]),
  );
}

describe("a user without sub-ids", () => {
  test("makes a base, builds, meets every step again and runs; a note says what is missing", () => {
    const dockerfile =
      'FROM base\nWORKDIR /app\nCOPY . .\nRUN echo hello > hello && id -u\nCMD ["cat", "/app/hello"]\n';
    using folder = folderOf(single, dockerfile);
    expect(asUser(single, ["base", "create", "base"], folder.home)).toMatchObject({ status: 0 });

    const built = asUser(single, ["build", "--progress=plain", "-t", "one", folder.context], folder.home);
    expect(built).toMatchObject({ status: 0 });
    expect(built.stderr.match(/only one user id is mapped/g)).toHaveLength(1);
    // Printed by one process, though two were at work.
    expect(built.stderr.match(/1\/5 FROM base/g)).toHaveLength(1);
    const again = asUser(single, ["build", "--progress=plain", "-t", "one", folder.context], folder.home);
    expect(again.stderr).toContain("5 hits, 0 misses");
    const ran = asUser(single, ["run", "--rm", "one"], folder.home);
    expect(ran.stdout).toBe("hello\n");
    expect(existsSync(join(folder.home, "tmp")) ? readdirSync(join(folder.home, "tmp")) : []).toEqual([]);
  });

  test("is told so where a step needs other users", () => {
    using folder = folderOf(single, "FROM base\nRUN chown 1000:1000 /tmp\n");
    asUser(single, ["base", "create", "base"], folder.home);
    const built = asUser(single, ["build", "--progress=plain", folder.context], folder.home);
    expect(built.status).toBe(1);
    expect(built.stderr).toContain("error[run/exit-nonzero]");
    expect(built.stderr).toContain("/etc/subuid");
  });
});

test.each(["with", "without"])("a user %s sub-ids has every kind of mount", (ids) => {
  const user = ids === "with" ? full : single;
  using folder = folderOf(
    user,
    `FROM base AS seed
RUN mkdir /s && echo stage > /s/f
FROM base
RUN --mount=target=/c --mount=from=seed,source=/s,target=/m,rw --mount=type=cache,target=/cache --mount=type=tmpfs,target=/t \\
  --mount=type=secret,id=file,env=TOKEN,target=/secret cat /c/file /m/f /secret > /o && echo $TOKEN >> /o && echo kept > /cache/log && echo x > /m/new
RUN --mount=type=cache,target=/cache,source=log cat /cache >> /o
`,
  );
  asUser(user, ["base", "create", "base", "sh", "cat", "mkdir"], folder.home);
  const flags = ["--progress=json", "-t", "mounted", `--secret=id=file,src=${folder.context}/file`];
  const built = asUser(user, ["build", ...flags, folder.context], folder.home);
  expect(built.status).toBe(0);
  const again = asUser(user, ["build", ...flags, folder.context], folder.home);
  expect(lastLine(again.stdout).steps.filter(({ result }) => result === "MISS")).toEqual([]);
  const ran = asUser(user, ["run", "mounted", "cat", "/o"], folder.home);
  expect(ran.stdout).toBe("contentstage\ncontentcontent\nkept\n");
  expect(asUser(user, ["cache", "prune", "-a", "-f"], folder.home).stdout).toContain("1 cache mount");
  expect(leftovers(folder.home)).toEqual([]);
});
