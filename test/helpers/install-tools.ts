/**
 * Before `npm test`: the programs that tests hold tsbuild against. Root on Debian gets what is missing by apt; anybody else
 * is told. Under CI=true a missing one ends the run: a test that quietly does not run proves nothing.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const MINUTES = 60_000;

/** A program of each Debian package. */
const PACKAGE_OF: Readonly<Record<string, string>> = {
  buildah: "buildah",
  busybox: "busybox-static",
  bzip2: "bzip2",
  crun: "crun",
  docker: "docker.io",
  "docker-registry": "docker-registry",
  dockerd: "docker.io",
  git: "git",
  mmdebstrap: "mmdebstrap",
  newuidmap: "uidmap",
  podman: "podman",
  "qemu-aarch64-static": "qemu-user-static",
  runc: "runc",
  setcap: "libcap2-bin",
  "ssh-agent": "openssh-client",
  setfattr: "attr",
  skopeo: "skopeo",
  tmux: "tmux",
  umoci: "umoci",
  xz: "xz-utils",
  zstd: "zstd",
};

const missing = missingPrograms();
if (missing.length > 0 && process.getuid?.() === 0 && existsSync("/etc/debian_version"))
  install(packagesOf(missing));
const still = missingPrograms();
if (still.length > 0) {
  console.error(`Tests need these programs, which are not here: ${still.join(", ")}`);
  console.error(`On Debian: apt-get install ${packagesOf(still).join(" ")}`);
  if (process.env["CI"] === "true") process.exit(1);
}

function missingPrograms(): readonly string[] {
  return Object.keys(PACKAGE_OF).filter((program) => !isInstalled(program));
}

/** Looked for where root's programs are, too: an ordinary user's PATH may lack them. */
function isInstalled(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function packagesOf(programs: readonly string[]): readonly string[] {
  return [...new Set(programs.map((program) => PACKAGE_OF[program] ?? program))].toSorted();
}

function install(packages: readonly string[]): void {
  console.error(`Installing what the tests need: ${packages.join(" ")}`);
  apt(["update", "-qq"], 3 * MINUTES);
  apt(["install", "-y", "-qq", "--no-install-recommends", ...packages], 10 * MINUTES);
}

function apt(args: readonly string[], timeout: number): void {
  const done = spawnSync("apt-get", args, {
    encoding: "utf8",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout,
  });
  if (done.status !== 0)
    console.error(`apt-get ${args[0]} did not work: ${done.stderr || done.error?.message}`);
}
