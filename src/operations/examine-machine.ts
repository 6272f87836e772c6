import { statfsSync } from "node:fs";
import { homedir, release } from "node:os";
import { isBuildError } from "../core/errors.ts";
import { findProgram } from "../host/find-program.ts";
import { hasSyscalls } from "../host/syscalls.ts";
import { needsUserNamespace, userNamespaceKind, userNamespaceNote } from "../host/user-namespace.ts";
import { readRegistryConfig } from "../registry/config-files.ts";
import { emulatedArchitectures, registerHint } from "./emulation.ts";
import { HOST_PLATFORM } from "./plan-options.ts";
import { VERSION } from "./version.ts";
import type { Workshop } from "./workshop.ts";

/** One line of `doctor`. `bad`: builds cannot do something because of it. */
export interface Finding {
  readonly state: "good" | "poor" | "bad";
  readonly about: string;
  readonly text: string;
  /** What would mend it. */
  readonly hint?: string | undefined;
}

/** What works on this machine, and what each part lacks. Trial runs are remembered: the second time it is quick. */
export async function examineMachine(shop: Workshop): Promise<readonly Finding[]> {
  return [
    good(
      "tsbuild",
      `${VERSION}, Node.js ${process.versions.node}, ${process.platform}/${process.arch}, kernel ${release()}`,
    ),
    ...storeFindings(shop),
    userFinding(),
    ...(await executorFindings(shop)),
    platformFinding(),
    workspaceFinding(shop),
    syscallFinding(),
    registryFinding(shop),
  ];
}

function good(about: string, text: string): Finding {
  return { state: "good", about, text };
}

function storeFindings(shop: Workshop): readonly Finding[] {
  const { images, cache, layers, builds } = shop.store.usage();
  const bytes = images.bytes + cache.bytes + layers.bytes + builds.bytes;
  const disk = statfsSync(shop.home);
  const free = disk.bavail * disk.bsize;
  const text = `${shop.home}, format 1, ${images.count} images, ${cache.records} cached results, ${inMegabytes(bytes)}; ${inMegabytes(free)} free`;
  const isTight = free < 1e9;
  return [
    {
      state: isTight ? "poor" : "good",
      about: "store",
      text,
      hint: isTight ? "Make room: tsbuild cache prune, tsbuild image prune." : undefined,
    },
  ];
}

function userFinding(): Finding {
  if (process.platform !== "linux")
    return {
      state: "poor",
      about: "user",
      text: "RUN works on Linux only",
      hint: "Use a Linux machine for Dockerfiles with RUN.",
    };
  const note = userNamespaceNote();
  if (note !== undefined) return { state: "poor", about: "user", text: note };
  if (!needsUserNamespace())
    return good("user", userNamespaceKind() === "none" ? "root" : "root of a user namespace with mapped ids");
  const missing = ["unshare", "newuidmap", "newgidmap"].filter(
    (program) => findProgram(program) === undefined,
  );
  if (missing.length === 0) return good("user", "an ordinary user: RUN starts over in a user namespace");
  return {
    state: missing.includes("unshare") ? "bad" : "poor",
    about: "user",
    text: `an ordinary user, and ${missing.join(", ")} missing`,
    hint: "Install util-linux and uidmap; give the user lines in /etc/subuid and /etc/subgid.",
  };
}

async function executorFindings(shop: Workshop): Promise<readonly Finding[]> {
  if (process.platform !== "linux") return [];
  if (needsUserNamespace()) {
    return [
      good(
        "executors",
        "tried out by the first RUN, in its user namespace (tsbuild build --debug says which)",
      ),
    ];
  }
  const { chooseExecutor, reportExecutors } = await import("../executor/choose-executor.ts");
  const findings = await reportExecutors(shop.home);
  const lines = findings.map(({ name, program, works, problem, lacks, tookMs }): Finding => {
    const about = `executor ${name}`;
    if (!works)
      return {
        state: "poor",
        about,
        text: problem ?? (program === null ? "not installed" : "does not work here"),
      };
    const time = tookMs === null ? "" : `, ${tookMs} ms a command`;
    const isWhole = lacks.length === 0;
    return {
      state: isWhole ? "good" : "poor",
      about,
      text: `${isWhole ? "all of Docker's isolation" : `lacks ${lacks.join(", ")}`}${time}`,
    };
  });
  try {
    const { executor } = await chooseExecutor("auto", shop.home);
    return [...lines, good("RUN", `steps run in ${executor.name}`)];
  } catch (error) {
    if (!isBuildError(error)) throw error;
    return [...lines, { state: "bad", about: "RUN", text: error.message, hint: error.details.hint }];
  }
}

/** RUN of other platforms is emulated, or not possible; their COPY, ENV and WORKDIR work anywhere. */
function platformFinding(): Finding {
  const native = HOST_PLATFORM.architecture;
  const others = emulatedArchitectures();
  if (others.length > 0)
    return good("platforms", `RUN natively for ${native}, emulated for ${others.join(", ")}`);
  return {
    state: "good",
    about: "platforms",
    text: `RUN for ${native} alone`,
    hint: registerHint({ os: "linux", architecture: native === "arm64" ? "amd64" : "arm64" }),
  };
}

function workspaceFinding(shop: Workshop): Finding {
  if (process.platform !== "linux") return good("workspaces", "none needed without RUN");
  if (needsUserNamespace()) return good("workspaces", "chosen in the user namespace");
  const kind = shop.overlayKind();
  if (kind !== undefined)
    return good("workspaces", kind === "trusted" ? "overlay mounts" : "overlay mounts with user xattrs");
  return {
    state: "poor",
    about: "workspaces",
    text: "copies: the store's file system takes no overlay, so every RUN copies its root file system first",
    hint: "Set TSBUILD_HOME to a folder on ext4, xfs, btrfs or tmpfs.",
  };
}

function syscallFinding(): Finding {
  if (hasSyscalls()) return good("xattrs", "read and written (capabilities of files are kept)");
  return {
    state: "poor",
    about: "xattrs",
    text: "not kept: the binary part of koffi is missing here",
    hint: "Install tsbuild with its optional parts: npm ci.",
  };
}

function registryFinding(shop: Workshop): Finding {
  try {
    const config = readRegistryConfig({ env: shop.env, home: shop.env["HOME"] ?? homedir(), etc: "/etc" });
    const mirrors = [
      ...config.dockerMirrors,
      ...config.rules.flatMap((rule) => rule.mirrors.map(({ location }) => location)),
    ];
    const parts = [
      `${config.rules.length} rules`,
      mirrors.length === 0 ? "no mirrors" : `mirrors ${mirrors.join(", ")}`,
      config.insecure.length === 0 ? "" : `insecure ${config.insecure.join(", ")}`,
    ];
    return good("registries", parts.filter((part) => part !== "").join("; "));
  } catch (error) {
    if (!isBuildError(error)) throw error;
    return { state: "bad", about: "registries", text: error.message, hint: error.details.hint };
  }
}

function inMegabytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
