import { type BytePath, cleanPath, decodePath, toBytePath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import { OPAQUE_NAME, WHITEOUT_META_PREFIX, WHITEOUT_PREFIX } from "./whiteout.ts";

/** What a name of an untrusted layer tar means: an entry, a deletion marker, or bookkeeping of aufs that nobody reads. */
export type EntryName =
  | { readonly type: "entry" | "whiteout" | "opaque"; readonly path: BytePath }
  | { readonly type: "ignored" };

/** Any empty, `.` or `..` component. */
const UNCLEAN = /(?:^|\/)\.{0,2}(?:\/|$)/;
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4095;

/**
 * Raw name bytes, read as Docker reads them: absolute names start at the layer's root, `a/../b` is `b`, and what climbs out of
 * the root is refused (`layer/unsafe-entry`). `path` of a whiteout is what it hides, of an opaque marker its directory.
 * Where it is no layer, no name is a marker.
 */
export function readEntryName(name: string, isLayer: boolean): EntryName {
  const path = cleanName(name);
  if (!isLayer || !path.includes(WHITEOUT_PREFIX)) return { type: "entry", path };
  const parts = path.split("/");
  const base = parts.pop() ?? "";
  if ((parts[0] ?? base).startsWith(WHITEOUT_META_PREFIX) && path !== OPAQUE_NAME) return { type: "ignored" };
  if (parts.some((part) => part.startsWith(WHITEOUT_PREFIX))) throw unsafe(name, "it lies below a whiteout");
  const parent = parts.join("/");
  if (base === OPAQUE_NAME) return { type: "opaque", path: toBytePath(parent) };
  if (base.startsWith(WHITEOUT_META_PREFIX)) return { type: "ignored" };
  if (!base.startsWith(WHITEOUT_PREFIX)) return { type: "entry", path };
  const hidden = base.slice(WHITEOUT_PREFIX.length);
  // ".wh." alone, ".wh.." and ".wh..." would delete the directory they are in, or its parent.
  if (hidden === "" || hidden === "." || hidden === "..") throw unsafe(name, "a whiteout must name a file");
  return { type: "whiteout", path: toBytePath(parent === "" ? hidden : `${parent}/${hidden}`) };
}

/** The path a hard link of an untrusted tar names, inside the layer. */
export function readLinkTarget(name: string, target: string): BytePath {
  if (climbsOut(target))
    throw unsafe(name, `it is a hard link to "${decodePath(target)}", outside of the layer`);
  return cleanPath(target);
}

function cleanName(name: string): BytePath {
  const start = name.startsWith("./") ? 2 : 0;
  const end = name.endsWith("/") ? name.length - 1 : name.length;
  const trimmed = name.slice(start, Math.max(start, end));
  let path = toBytePath(trimmed);
  if (UNCLEAN.test(trimmed)) {
    if (climbsOut(name)) throw unsafe(name, "it leads out of the layer");
    path = cleanPath(name);
  }
  requireStorable(path, name);
  return path;
}

/** Refuses a path that no file system can hold. */
function requireStorable(path: BytePath, name: string): void {
  if (path.includes("\0")) throw unsafe(name, "it holds a NUL byte");
  if (path.length > MAX_PATH_BYTES || path.split("/").some((part) => part.length > MAX_NAME_BYTES)) {
    throw unsafe(`${name.slice(0, 60)}…`, "it is longer than any file system can hold");
  }
}

/**
 * The path of an entry of an ordinary archive, below where it is unpacked: `..` is clamped there, as in the chroot that Docker
 * unpacks in. Undefined for "." itself, which says nothing about the directory that is there.
 */
export function readMemberName(name: string): BytePath | undefined {
  const path = cleanPath(name);
  requireStorable(path, name);
  return path === "" && !name.startsWith("/") && !climbsOut(name) ? undefined : path;
}

/** What symlink(2) takes. */
export function isTarget(target: string): boolean {
  return target !== "" && target.length <= MAX_PATH_BYTES && !target.includes("\0");
}

/** Whether the name, cleaned, begins with "..". An absolute one cannot: "/.." is "/". */
function climbsOut(name: string): boolean {
  if (name.startsWith("/")) return false;
  let depth = 0;
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    depth += part === ".." ? -1 : 1;
    if (depth < 0) return true;
  }
  return false;
}

export function unsafe(name: string, why: string): BuildError {
  return new BuildError("layer/unsafe-entry", `the layer's entry "${decodePath(name)}" is refused: ${why}`, {
    hint: "The layer is damaged, or made to attack. Do not use this image.",
  });
}
