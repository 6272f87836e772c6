import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ContextTree, openContext } from "../../src/context/context-tree.ts";
import { toIgnoreRules } from "../../src/context/ignore-file.ts";
import type { BytePath } from "../../src/core/byte-path.ts";
import { cleanPath, joinPath } from "../../src/core/byte-path.ts";
import type { ListingRow } from "../../src/core/file-tree.ts";
import { encodeListing } from "../../src/core/listing.ts";

/** A clock that says `offsetMs` more than it is: 10 s ahead, everything on disk has long settled. */
export function clockAhead(offsetMs = 10_000) {
  return { nowMs: () => Date.now() + offsetMs, monotonicMs: () => performance.now() };
}

/** A folder with `context` and `home` in it, removed at the end whatever its depth. */
export function makeFixture() {
  const top = realpathSync(mkdtempSync(join(tmpdir(), "tsbuild-context-test-")));
  const root = join(top, "context");
  const home = join(top, "home");
  mkdirSync(root);
  return {
    top,
    root,
    home,
    write(path: string, content: string | Buffer): string {
      const full = join(root, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, content);
      return full;
    },
    open({ ignore = "", clock = clockAhead(), cached = true }: OpenOptions = {}): ContextTree {
      const rules = toIgnoreRules(".dockerignore", Buffer.from(ignore));
      return openContext({ root, ignore: rules, home: cached ? home : undefined, clock });
    },
    /** Returns once the file system's clock has moved on, so that the next change has another ctime. */
    tick(): void {
      const probe = join(top, "probe");
      writeFileSync(probe, "");
      const before = lstatSync(probe).ctimeMs;
      while (lstatSync(probe).ctimeMs === before) writeFileSync(probe, "");
    },
    [Symbol.dispose]() {
      // GNU rm has no limit on depth.
      execFileSync("rm", ["-rf", top]);
    },
  };
}

interface OpenOptions {
  readonly ignore?: string;
  readonly clock?: { nowMs(): number; monotonicMs(): number };
  readonly cached?: boolean;
}

export const at = (path: string): BytePath => cleanPath(path);

/** Every path a tree shows, by names alone. */
export function pathsOf(tree: ContextTree, dir: BytePath = at("")): string[] {
  return tree.names(dir).flatMap((name) => {
    const path = joinPath(dir, name);
    return [path, ...(tree.facts(path)?.type === "dir" ? pathsOf(tree, path) : [])];
  });
}

/** Bytes that this process has read so far by read(2). */
export function bytesRead(): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}

export const sha256 = (bytes: string | Uint8Array) =>
  `sha256:${createHash("sha256")
    .update(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes)
    .digest("hex")}`;

export function contentOf(tree: ContextTree, path: BytePath): Buffer {
  const pieces: Buffer[] = [];
  // A piece is only valid until the next one is asked for.
  for (const piece of tree.read(path)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

/** The Merkle root made again from the disk: listings with every row's digest computed anew. */
export function recompute(tree: ContextTree, dir: BytePath): string {
  const rows = (tree.listing(dir)?.rows ?? []).map((row) => {
    const path = joinPath(dir, row.name);
    if (row.type === "dir") return { ...row, digest: recompute(tree, path) };
    if (row.type === "file") return { ...row, digest: sha256(contentOf(tree, path)) };
    return row.type === "symlink" ? { ...row, digest: sha256(tree.facts(path)?.target ?? "") } : row;
  });
  return sha256(encodeListing({ rows: rows as ListingRow[] }));
}

/** Directories of 200 bytes (or `unit`) until the path has `length` bytes, and a file "bottom" below them; its path. */
export function makeDeep(root: string, length: number, unit = "n".repeat(199)): string {
  const descriptors: number[] = [];
  let prefix = `${root}/`;
  let path = "";
  while (path.length < length) {
    mkdirSync(prefix + unit);
    prefix += `${unit}/`;
    path += `${unit}/`;
    if (prefix.length < 3_500) continue;
    const descriptor = openSync(prefix, constants.O_RDONLY | constants.O_DIRECTORY);
    descriptors.push(descriptor);
    prefix = `/proc/self/fd/${descriptor}/`;
  }
  writeFileSync(`${prefix}bottom`, "at the bottom");
  for (const descriptor of descriptors) closeSync(descriptor);
  return `${path}bottom`;
}

/** Root may read everything: give it up for the call. */
export function asOrdinaryUser(call: () => void): void {
  if (process.geteuid?.() !== 0) return call();
  process.seteuid?.(65_534);
  try {
    call();
  } finally {
    process.seteuid?.(0);
  }
}
