import { chmodSync, type Dirent, readdirSync, rmSync } from "node:fs";
import { errnoOf } from "./errno.ts";

/**
 * Removes a file or a folder with all below it. False where parts belong to ids of a user namespace that we may not delete
 * as ourselves: the caller removes those under the mapping.
 */
export function removeTree(path: string): boolean {
  try {
    rmSync(path, { recursive: true, force: true });
    return true;
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
  // Layers have folders without write permission; opening them up is enough where they are ours.
  openUp(Buffer.from(path));
  try {
    rmSync(path, { recursive: true, force: true });
    return true;
  } catch (error) {
    if (!isRefused(error)) throw error;
    return false;
  }
}

function openUp(dir: Buffer): void {
  let entries: readonly Dirent<Buffer>[];
  try {
    chmodSync(dir, 0o700);
    entries = readdirSync(dir, { withFileTypes: true, encoding: "buffer" });
  } catch {
    return; // another id's: the second attempt to remove it tells
  }
  for (const entry of entries) {
    if (entry.isDirectory()) openUp(Buffer.concat([dir, Buffer.from("/"), entry.name]));
  }
}

function isRefused(error: unknown): boolean {
  const code = errnoOf(error);
  return code === "EACCES" || code === "EPERM" || code === "ENOTEMPTY";
}
