import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PackEntry } from "../../src/core/ports.ts";

/** Layer entries made real below a directory: folders, files, links and modes; owners and times stay the caller's. */
export function writeEntries(directory: string, entries: Iterable<PackEntry>): void {
  for (const { entry, content } of entries) {
    const path = join(directory, entry.path);
    if (entry.kind === "dir") mkdirSync(path, { recursive: true });
    else if (entry.kind === "file") writeFileSync(path, joined(content?.() ?? []));
    else if (entry.kind === "symlink") symlinkSync(entry.target ?? "", path);
    else if (entry.kind === "hardlink") linkSync(join(directory, entry.target ?? ""), path);
    else throw new Error(`no writer for a ${entry.kind}`);
    if (entry.kind === "dir" || entry.kind === "file") chmodSync(path, entry.mode);
  }
}

/** Each piece is copied at once: it is only valid until the next one is asked for. */
function joined(pieces: Iterable<Uint8Array>): Buffer {
  const copies: Buffer[] = [];
  for (const piece of pieces) copies.push(Buffer.from(piece));
  return Buffer.concat(copies);
}
