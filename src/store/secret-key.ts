import { randomBytes } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { writeFileOnce } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { guardDisk } from "./disk-errors.ts";
import type { StoreParts } from "./store-parts.ts";

const BYTES = 32;

/**
 * The key under which values of secret-looking variables are hashed, made when first asked for. It never leaves the store:
 * without it a recorded hash of a short secret could be found by trying.
 */
export function readSecretKey(parts: StoreParts): Buffer {
  const { paths, leases } = parts;
  const known = readKey(paths.secretKey);
  if (known !== undefined) return known;
  using lease = leases.open("write");
  const how = { tempDir: lease.dir, sync: true, mode: 0o600 };
  guardDisk(paths, () => {
    if (writeFileOnce(paths.secretKey, randomBytes(BYTES), how) || readKey(paths.secretKey) !== undefined)
      return;
    // Cut short: what was hashed under it can no longer be compared anyway.
    rmSync(paths.secretKey, { force: true });
    writeFileOnce(paths.secretKey, randomBytes(BYTES), how);
  });
  const key = readKey(paths.secretKey);
  if (key === undefined) throw new Error(`cannot read ${paths.secretKey}`);
  return key;
}

function readKey(path: string): Buffer | undefined {
  try {
    const key = readFileSync(path);
    return key.length === BYTES ? key : undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
