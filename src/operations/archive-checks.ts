import { BuildError } from "../core/errors.ts";
import { findReference, formatFull, withDefaultTag } from "../core/reference.ts";
import type { ArchiveFiles, FileRange } from "./archive-files.ts";

/** `image/bad-archive`, with what is wrong. */
export function bad(why: string, hint?: string): BuildError {
  return new BuildError("image/bad-archive", `the archive cannot be loaded: ${why}`, {
    hint: hint ?? "Save it again; nothing of it was kept.",
  });
}

/** A field of foreign JSON. */
export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

export function fullNameOf(tag: string): string {
  const reference = findReference(tag);
  if (reference === undefined || reference.digest !== undefined) throw bad(`"${tag}" in it is no image name`);
  return formatFull(withDefaultTag(reference));
}

export function requireDocument(files: ArchiveFiles, name: string): Buffer {
  const bytes = files.read(name);
  if (bytes === undefined) throw bad(`${name} is missing`);
  return bytes;
}

export function requireFile(files: ArchiveFiles, name: string): FileRange {
  const file = files.find(name);
  if (file === undefined) throw bad(`${name} is missing`);
  return file;
}
