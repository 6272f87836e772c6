import {
  chmodSync,
  chownSync,
  mkdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { decodePath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { MountSpec, RunSpec } from "../core/ports.ts";
import { unreachable } from "../core/unreachable.ts";
import { openBeneath } from "../host/open-beneath.ts";
import { type OverlayMount, type OverlayPlace, overlayMount } from "./overlay-mount.ts";

/** Something the command sees at `target`: an injected file or a mount of the caller. */
export interface Injection {
  readonly source: string;
  /** What of `source` is meant, where others may be writing there: resolved inside it at the moment of mounting. */
  readonly beneath?: string;
  /** Where `beneath` was, free of links, when it was last looked at. */
  readonly seenAt?: string;
  /** Others may be writing into it while it is mounted. */
  readonly shared?: boolean;
  /** Absolute, cleaned. */
  readonly target: string;
  readonly type: "file" | "directory";
  readonly readOnly: boolean;
}

/** A file system that the launcher mounts at `directory` first, for an injection to be taken from. */
export interface Stage {
  readonly directory: string;
  readonly from:
    | { readonly type: "overlay"; readonly overlay: OverlayMount }
    | { readonly type: "tmpfs"; readonly options: string };
}

/** A tmpfs that only the launcher's mount namespace has: what is written there by the engine reaches no disk. */
export interface PrivateFiles {
  readonly directory: string;
  readonly files: readonly {
    readonly name: string;
    readonly content: Uint8Array;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
  }[];
}

/** What the mounts of a command come to. */
export interface StagedMounts {
  readonly stages: readonly Stage[];
  readonly private: PrivateFiles | undefined;
  readonly injections: readonly Injection[];
}

/** Name of the file with the secret variables: `NAME=value`, each ended by a NUL. */
export const SECRET_ENV = "env";

/** Prepares the mounts of a command in `directory`; nothing is mounted yet. */
export function stageMounts(spec: RunSpec, directory: string, inUserNamespace: boolean): StagedMounts {
  const { mounts = [], secretEnv = [] } = spec;
  const stages: Stage[] = [];
  const privateDir = join(directory, "private");
  const files: PrivateFiles["files"][number][] = [];
  if (secretEnv.length > 0) files.push({ name: SECRET_ENV, content: encodeEnv(secretEnv), ...ROOT_ONLY });
  const injections = mounts.map((mount, i): Injection => {
    const { target } = mount;
    const stage = (from: Stage["from"]): string => {
      const place = join(directory, `mount-${i}`);
      mkdirSync(place);
      stages.push({ directory: place, from });
      return place;
    };
    switch (mount.type) {
      case "tree": {
        const root = treeRoot(mount, { directory, i, inUserNamespace }, stage);
        const source = mount.path === "" ? root : join(root, decodePath(mount.path));
        return { source, target, type: mount.isDirectory ? "directory" : "file", readOnly: mount.readOnly };
      }
      case "shared":
        return sharedInjection(mount);
      case "tmpfs": {
        const size = mount.sizeBytes === undefined || mount.sizeBytes === 0 ? "" : `,size=${mount.sizeBytes}`;
        const source = stage({ type: "tmpfs", options: `mode=1777${size}` });
        return { source, target, type: "directory", readOnly: mount.readOnly };
      }
      case "secret": {
        const { content, mode, uid, gid } = mount;
        files.push({ name: `secret-${i}`, content, mode, uid, gid });
        return { source: join(privateDir, `secret-${i}`), target, type: "file", readOnly: true };
      }
      case "socket":
        return { source: mount.path, target, type: "file", readOnly: false };
      default:
        return unreachable(mount);
    }
  });
  if (files.length > 0) mkdirSync(privateDir);
  return { stages, private: files.length === 0 ? undefined : { directory: privateDir, files }, injections };
}

/** Writes the secrets into the launcher's tmpfs; `root` is the launcher's root file system as the engine reaches it. */
export function fillPrivate(root: string, files: PrivateFiles | undefined): void {
  for (const { name, content, mode, uid, gid } of files?.files ?? []) {
    const path = `${root}${files?.directory}/${name}`;
    writeFileSync(path, content, { mode: 0o600, flag: "wx" });
    chownSync(path, uid, gid);
    chmodSync(path, mode & 0o777);
  }
}

/** Where a launcher without openat2 mounts what is `beneath`, to be looked at. */
export function stagedPath({ directory, injections }: StagedIn, injection: Injection): string {
  return join(directory, `beneath-${injections.indexOf(injection)}`);
}

interface StagedIn {
  readonly directory: string;
  readonly injections: readonly Injection[];
}

/** Makes the mount points of stagedPath. */
export function makeStagedPaths(files: StagedIn): void {
  for (const injection of files.injections) {
    if (injection.beneath === undefined) continue;
    const place = stagedPath(files, injection);
    if (injection.type === "directory") mkdirSync(place);
    else writeFileSync(place, "");
  }
}

/** Throws where something else was mounted than what lies inside: a link was put in the way meanwhile (CVE-2024-23651). */
export function verifyStagedPaths(root: string, files: StagedIn): void {
  for (const injection of files.injections) {
    const { source, beneath } = injection;
    if (beneath === undefined) continue;
    using meant = openBeneath(source, Buffer.from(beneath, "utf8").toString("latin1"));
    const mounted = statSync(`${root}${stagedPath(files, injection)}`);
    if (meant?.stat.ino === mounted.ino && meant.stat.dev === mounted.dev) continue;
    throw new BuildError(
      "run/workspace",
      `"${beneath}" in the cache mount at ${injection.target} was moved meanwhile`,
      {
        hint: "Another step works in the same cache: use sharing=locked.",
      },
    );
  }
}

const ROOT_ONLY = { mode: 0o400, uid: 0, gid: 0 };

function encodeEnv(variables: NonNullable<RunSpec["secretEnv"]>): Buffer {
  return Buffer.from(variables.map(({ name, value }) => `${name}=${value}\0`).join(""), "utf8");
}

/** Where the tree's root will be found by the launcher. */
function treeRoot(
  { root }: Extract<MountSpec, { type: "tree" }>,
  place: { readonly directory: string; readonly i: number; readonly inUserNamespace: boolean },
  stage: (from: Stage["from"]) => string,
): string {
  if (root.type === "directory") return root.path;
  if (root.lowers.length === 0) return root.upper;
  const linkDirectory = join(place.directory, `links-${place.i}`);
  const { inUserNamespace } = place;
  return stage({
    type: "overlay",
    overlay: makeOverlay(root, { scaffold: undefined, linkDirectory, inUserNamespace }),
  });
}

/** A look at what it is now; whether it is still that when it is mounted is the kernel's to find out. */
function sharedInjection({
  directory,
  path,
  target,
  readOnly,
}: Extract<MountSpec, { type: "shared" }>): Injection {
  if (path === "" || path === "/")
    return { source: directory, shared: true, target, type: "directory", readOnly };
  using found = openBeneath(directory, Buffer.from(path, "utf8").toString("latin1"));
  if (found === undefined) {
    throw new BuildError("context/file-not-found", `"${path}" is not in the cache mount at ${target}`, {
      hint: "A source is a path inside the cache: make it in an earlier RUN, or leave source out.",
      word: path,
    });
  }
  const type = found.stat.isDirectory() ? "directory" : "file";
  const seenAt = readlinkSync(`/proc/self/fd/${found.fd}`);
  return { source: directory, beneath: path, seenAt, shared: true, target, type, readOnly };
}

/** The overlay's mount, its links made. */
export function makeOverlay(
  root: Extract<RunSpec["root"], { type: "overlay" }>,
  place: OverlayPlace,
): OverlayMount {
  const { linkDirectory } = place;
  const mount = overlayMount(root, place);
  if (mount.links.length > 0) mkdirSync(linkDirectory);
  for (const [name, target] of mount.links) symlinkSync(target, join(mount.directory, name));
  // A volatile overlay marks its work directory against being mounted again; a second command in one workspace is meant.
  rmSync(join(root.work, "work", "incompat"), { recursive: true, force: true });
  return mount;
}
