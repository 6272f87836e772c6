/**
 * `npm run bench [-- --only B1,B3 --runs 5 --tools classic,buildkit,buildah,tsbuild --json FILE]`: the shared peer
 * benchmark, with daemons, stores and a registry of its own, all below one folder and gone at the end. Needs root, the
 * peers, and a Debian root file system (BENCH_BASE, else one that mmdebstrap makes once).
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Dockerd, startDockerd } from "../test/helpers/dockerd.ts";
import { startRegistry } from "../test/helpers/registry.ts";
import { sharedData } from "../test/helpers/shared-data.ts";
import { tempDir } from "../test/helpers/temp-dir.ts";
import { debianBase } from "./debian-base.ts";
import { measurePeakMemory } from "./peak-memory.ts";

const PROGRAM = join(dirname(dirname(fileURLToPath(import.meta.url))), "dist/tsbuild.cjs");
const BASE = "debian:bookworm-slim";

const peers = sharedData("bench/peers.mjs");
if (peers === undefined) throw new Error("bench/peers.mjs is not there: set TSBUILD_SHARED");
const args = process.argv.slice(2);
const baseTar = debianBase();

using work = tempDir("bench");
const buildahRoots = ["--root", join(work.path, "buildah/root"), "--runroot", join(work.path, "buildah/run")];
const buildahArgs = [...buildahRoots, "--storage-driver", "overlay"];
const store = join(work.path, "tsbuild-store");
try {
  await using docker = await startDockerd(join(work.path, "docker"));
  await using registry = await startRegistry();
  giveBaseToAll(docker);
  pushPullImage(docker, registry.address);
  process.exitCode = await runPeers(peers, docker.host, registry.address);
  if (!args.includes("--only"))
    await measurePeakMemory({ program: PROGRAM, store, base: BASE, directory: work.path });
} finally {
  quietly("buildah", [...buildahArgs, "rm", "--all"]);
  quietly("umount", [join(work.path, "buildah/root/overlay")]);
}

function giveBaseToAll(docker: Dockerd): void {
  docker.docker(["import", baseTar, BASE]);
  const archive = join(work.path, "base.tar");
  docker.docker(["save", "-o", archive, BASE]);
  mkdirSync(join(work.path, "buildah"));
  execFileSync("buildah", [...buildahArgs, "pull", "-q", `docker-archive:${archive}`], { stdio: "pipe" });
  execFileSync(process.execPath, [PROGRAM, "import", baseTar, BASE], {
    env: { ...process.env, TSBUILD_HOME: store },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** An image of the same size whose layer no peer has: an import stamps nothing, so a config and a file make it another. */
function pushPullImage(docker: Dockerd, address: string): void {
  const name = `${address}/debian:pull`;
  const other = join(work.path, "other.tar");
  const mark = join(work.path, "for-pull");
  mkdirSync(mark);
  execFileSync("cp", [baseTar, other]);
  execFileSync("tar", ["--append", "--owner=0", "--group=0", "-C", work.path, "-f", other, "for-pull"]);
  docker.docker(["import", other, name]);
  docker.docker(["push", "-q", name]);
  docker.docker(["rmi", "-f", name]);
}

async function runPeers(script: string, host: string, address: string): Promise<number> {
  const child = spawn(process.execPath, [script, ...args], {
    env: {
      ...process.env,
      BENCH_DIR: work.path,
      DOCKER_HOST: host,
      DOCKER_CONFIG: join(work.path, "docker"),
      REG: address,
      TSBUILD: `${process.execPath} ${PROGRAM}`,
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject).once("exit", (code) => resolve(code ?? 1));
  });
}

function quietly(command: string, commandArgs: readonly string[]): void {
  try {
    execFileSync(command, commandArgs, { stdio: "ignore" });
  } catch {
    // Nothing was left to clear away.
  }
}
