import { lstatSync } from "node:fs";
import { diskError } from "./disk-error.ts";
import type { ContextWalk } from "./walk.ts";

/** Which entries of a walk are names of one inode. */
export class InodeGroups {
  readonly #walk: ContextWalk;
  readonly #numbers = new Map<string, number>();

  constructor(walk: ContextWalk) {
    this.#walk = walk;
  }

  /** A number for the entry's inode, the same for each of its names. */
  numberOf(node: number): number {
    const key = this.#keyOf(node);
    const number = this.#numbers.get(key) ?? this.#numbers.size + 1;
    this.#numbers.set(key, number);
    return number;
  }

  /**
   * For each entry below `root` whose inode has several names there: the smallest of them, relative to `root`. Only what the
   * walk has opened counts, which is everything once the root's listings have been made.
   */
  linksBelow(root: number): ReadonlyMap<number, string> {
    const prefixLength = root === 0 ? 0 : this.#walk.table.path(root).length + 1;
    const groups = new Map<string, number[]>();
    for (const node of this.#walk.table.multiLinked) {
      if (!this.#isBelow(node, root)) continue;
      const key = this.#keyOf(node);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [node]);
      else group.push(node);
    }
    const links = new Map<number, string>();
    for (const group of groups.values()) {
      if (group.length < 2) continue;
      const paths = group.map((node) => this.#walk.table.path(node).slice(prefixLength));
      const smallest = paths.reduce((least, path) => (path < least ? path : least));
      for (const node of group) links.set(node, smallest);
    }
    return links;
  }

  #isBelow(node: number, root: number): boolean {
    const { parents } = this.#walk.table;
    let at = parents[node] ?? -1;
    while (at > root) at = parents[at] ?? -1;
    return at === root;
  }

  #keyOf(node: number): string {
    const { inodes, devices } = this.#walk.table;
    const ino = inodes[node] ?? 0;
    // Inode numbers of some file systems (overlay with xino) need all 64 bits, which a double does not have.
    return Number.isSafeInteger(ino) ? `${devices[node]}:${ino}` : this.#exactKey(node);
  }

  #exactKey(node: number): string {
    try {
      const stats = lstatSync(this.#walk.diskPath(node), { bigint: true });
      return `${stats.dev}:${stats.ino}`;
    } catch (error) {
      throw diskError(error, this.#walk.table.path(node));
    }
  }
}
