import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cleanPath, decodePath, encodePath } from "../core/byte-path.ts";
import type { BindMount, RunSpec } from "../core/ports.ts";
import type { MountTarget } from "./mount-points.ts";
import type { OverlayMount } from "./overlay-mount.ts";
import { INJECTED_NAMES, openScaffold } from "./scaffold.ts";
import { type Injection, makeOverlay, type PrivateFiles, type Stage, stageMounts } from "./stage-mounts.ts";

/** The files of one run, in a directory of their own below the lease's state directory. Disposing removes them. */
export interface RunFiles extends Disposable {
  readonly directory: string;
  /** Empty directory to mount the root file system on. */
  readonly root: string;
  /** undefined: the root is a plain directory. */
  readonly overlay: OverlayMount | undefined;
  readonly stages: readonly Stage[];
  /** undefined: the run has no secrets. */
  readonly private: PrivateFiles | undefined;
  /** /etc/hosts, /etc/hostname, /etc/resolv.conf, then the caller's binds and mounts. */
  readonly injections: readonly Injection[];
}

/** `home`: the store, for what all runs share. */
export function prepareRunFiles(spec: RunSpec, home: string, inUserNamespace: boolean): RunFiles {
  const directory = mkdtempSync(join(spec.stateDir, "run-"));
  mkdirSync(join(directory, "root"));
  const contents = injectedContents(spec);
  for (const name of INJECTED_NAMES) {
    const file = join(directory, name);
    writeFileSync(file, contents[name]);
    chmodSync(file, 0o644); // whatever the umask
  }
  const injected = INJECTED_NAMES.map((name): Injection => {
    return { source: join(directory, name), target: `/etc/${name}`, type: "file", readOnly: false };
  });
  const cleaned = (spec.mounts ?? []).map((mount) => ({ ...mount, target: cleanTarget(mount.target) }));
  const mounts = stageMounts({ ...spec, mounts: cleaned }, directory, inUserNamespace);
  return {
    directory,
    root: join(directory, "root"),
    overlay:
      spec.root.type === "overlay"
        ? prepareOverlay(spec.root, { directory, home, inUserNamespace })
        : undefined,
    stages: mounts.stages,
    private: mounts.private,
    injections: [...injected, ...spec.binds.map(toInjection), ...mounts.injections],
    [Symbol.dispose]: () => removeRunFiles(directory),
  };
}

/** The usual handful one by one: a recursive removal costs ten times as much. */
function removeRunFiles(directory: string): void {
  try {
    for (const name of ["launch", ...INJECTED_NAMES]) unlinkSync(join(directory, name));
    rmdirSync(join(directory, "root"));
    rmdirSync(directory);
  } catch {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * What must exist in the root to be mounted on. Below /dev, a tmpfs of ours, and inside another mount the launcher makes it
 * once that is there.
 */
export function mountTargets(files: RunFiles): MountTarget[] {
  return [
    { target: "/proc", type: "directory" },
    { target: "/dev", type: "directory" },
    { target: "/sys", type: "directory" },
    ...files.injections.filter((injection) => mountAround(files, injection) === undefined),
  ];
}

/** The mount point that this one lies inside, of those mounted before it; undefined: the root's own files are around it. */
export function mountAround({ injections }: RunFiles, injection: Injection): string | undefined {
  const earlier = injections.slice(0, injections.indexOf(injection)).map(({ target }) => target);
  return ["/dev", ...earlier].findLast((target) => injection.target.startsWith(`${target}/`));
}

function prepareOverlay(
  root: Extract<RunSpec["root"], { type: "overlay" }>,
  place: { readonly directory: string; readonly home: string; readonly inUserNamespace: boolean },
): OverlayMount {
  const linkDirectory = join(place.directory, "links");
  const scaffold = openScaffold(place.home);
  return makeOverlay(root, { scaffold, linkDirectory, inUserNamespace: place.inUserNamespace });
}

function toInjection(bind: BindMount): Injection {
  return {
    source: bind.source,
    target: cleanTarget(bind.target),
    type: statSync(bind.source).isDirectory() ? "directory" : "file",
    readOnly: bind.readOnly,
  };
}

function cleanTarget(target: string): string {
  return `/${decodePath(cleanPath(encodePath(target)))}`;
}

function injectedContents(spec: RunSpec): Record<(typeof INJECTED_NAMES)[number], string> {
  const loopback = `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n`;
  const isHost = spec.network === "host";
  const hosts = (isHost ? readIfPresent("/etc/hosts") : undefined) ?? loopback;
  const knowsName = hosts.split(/\s+/).includes(spec.hostname);
  return {
    hosts: `${knowsName ? hosts : `${hosts.trimEnd()}\n127.0.1.1\t${spec.hostname}\n`}${addedHosts(spec)}`,
    hostname: `${spec.hostname}\n`,
    "resolv.conf": (isHost ? readIfPresent("/etc/resolv.conf") : undefined) ?? "",
  };
}

function addedHosts({ hosts = [] }: RunSpec): string {
  return hosts.map(({ name, address }) => `${address}\t${name}\n`).join("");
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
