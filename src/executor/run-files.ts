import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cleanPath, decodePath, encodePath } from "../core/byte-path.ts";
import type { BindMount, RunSpec, TmpfsMount } from "../core/ports.ts";
import type { MountTarget } from "./mount-points.ts";
import { type OverlayMount, overlayMount } from "./overlay-mount.ts";
import { INJECTED_NAMES, openScaffold } from "./scaffold.ts";

/** Something the command sees at `target`: an injected file or a bind mount of the caller. */
export interface Injection {
  readonly source: string;
  /** Absolute, cleaned. */
  readonly target: string;
  readonly type: "file" | "directory";
  readonly readOnly: boolean;
}

/** The files of one run, in a directory of their own below the lease's state directory. Disposing removes them. */
export interface RunFiles extends Disposable {
  readonly directory: string;
  /** Empty directory to mount the root file system on. */
  readonly root: string;
  /** undefined: the root is a plain directory. */
  readonly overlay: OverlayMount | undefined;
  /** /etc/hosts, /etc/hostname, /etc/resolv.conf, then the caller's binds. */
  readonly injections: readonly Injection[];
  /** With cleaned targets. */
  readonly tmpfs: readonly TmpfsMount[];
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
  return {
    directory,
    root: join(directory, "root"),
    overlay:
      spec.root.type === "overlay"
        ? prepareOverlay(spec.root, { directory, home, inUserNamespace })
        : undefined,
    injections: [...injected, ...spec.binds.map(toInjection)],
    tmpfs: (spec.mounts ?? []).map((mount) => ({ ...mount, target: cleanTarget(mount.target) })),
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

/** What must exist in the root to be mounted on; below /dev, a tmpfs of ours, the launcher makes it. */
export function mountTargets(files: RunFiles): MountTarget[] {
  return [
    { target: "/proc", type: "directory" },
    { target: "/dev", type: "directory" },
    { target: "/sys", type: "directory" },
    ...files.injections.filter((injection) => !injection.target.startsWith("/dev/")),
    ...files.tmpfs.map(({ target }): MountTarget => ({ target, type: "directory" })),
  ];
}

/** Of mount(2), for a tmpfs of the command's: Docker's. */
export function tmpfsOptions({ sizeBytes }: TmpfsMount): string {
  return `mode=1777${sizeBytes === undefined ? "" : `,size=${sizeBytes}`}`;
}

function prepareOverlay(
  root: Extract<RunSpec["root"], { type: "overlay" }>,
  place: { readonly directory: string; readonly home: string; readonly inUserNamespace: boolean },
): OverlayMount {
  const linkDirectory = join(place.directory, "links");
  const scaffold = openScaffold(place.home);
  const mount = overlayMount(root, { scaffold, linkDirectory, inUserNamespace: place.inUserNamespace });
  if (mount.links.length > 0) mkdirSync(linkDirectory);
  for (const [name, target] of mount.links) symlinkSync(target, join(mount.directory, name));
  // A volatile overlay marks its work directory against being mounted again; a second command in one workspace is meant.
  rmSync(join(root.work, "work", "incompat"), { recursive: true, force: true });
  return mount;
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
    hosts: knowsName ? hosts : `${hosts.trimEnd()}\n127.0.1.1\t${spec.hostname}\n`,
    hostname: `${spec.hostname}\n`,
    "resolv.conf": (isHost ? readIfPresent("/etc/resolv.conf") : undefined) ?? "",
  };
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
