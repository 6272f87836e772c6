import type { Stats } from "node:fs";
import {
  type BytePath,
  cleanPath,
  compareBytes,
  decodePath,
  encodePath,
  joinPath,
} from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { TocEntry } from "../core/file-tree.ts";
import type { PackEntry } from "../core/ports.ts";
import { SEARCH_PATH } from "./default-programs.ts";
import { readElf } from "./elf.ts";
import type { HostRoot } from "./host-root.ts";
import { expandOrigin, LibrarySearch } from "./library-search.ts";
import { parseShebang } from "./shebang.ts";

/** `if-present`: what is not there is left out. `required`: it is an error. */
type Need = "if-present" | "required";

/** Gathers paths of a machine, each with everything that it needs to be usable: links on the way, folders, libraries. */
export class BaseCollector {
  readonly programs: string[] = [];
  readonly #root: HostRoot;
  readonly #libraries: LibrarySearch;
  readonly #mtimeSeconds: number;
  readonly #entries = new Map<BytePath, PackEntry>();
  /** Files with several names on this machine: path to `dev:ino`. */
  readonly #inodes = new Map<BytePath, string>();

  constructor(root: HostRoot, mtimeSeconds: number) {
    this.#root = root;
    this.#libraries = new LibrarySearch(root);
    this.#mtimeSeconds = mtimeSeconds;
  }

  /** In byte order. Of the names of one file the first has the bytes, the others are hard links to it. */
  entries(): readonly PackEntry[] {
    const owners = new Map<string, BytePath>();
    const sorted = [...this.#entries.values()].toSorted((a, b) => compareBytes(a.entry.path, b.entry.path));
    return sorted.map((item) => {
      const inode = this.#inodes.get(item.entry.path);
      const owner = inode === undefined ? undefined : owners.get(inode);
      if (owner !== undefined) return { entry: { ...item.entry, kind: "hardlink", size: 0, target: owner } };
      if (inode !== undefined) owners.set(inode, item.entry.path);
      return item;
    });
  }

  addDirectory(path: string, mode = 0o755): void {
    this.#put({ path: encodePath(path), kind: "dir", mode, size: 0 });
  }

  addText(path: string, text: string): void {
    const bytes = Buffer.from(text);
    this.#put({ path: encodePath(path), kind: "file", mode: 0o644, size: bytes.length }, () => [bytes]);
  }

  /** `/bin`, `/usr/sbin` …: a link where the machine has one (merged /usr), else a folder. */
  addSystemFolder(name: string): void {
    if (this.#addPath(encodePath(name)) === undefined) this.addDirectory(name);
  }

  /** A program by name or absolute path, or an absolute directory, taken whole. False: not there, and not required. */
  addProgram(name: string, need: Need): boolean {
    const path = this.#locate(name);
    if (path === undefined) {
      if (need === "if-present") return false;
      throw new BuildError("base/program-not-found", `this machine has no program "${name}"`, {
        hint: `Looked in ${SEARCH_PATH.join(", ")}. Give an absolute path for a program elsewhere.`,
      });
    }
    const end = this.#root.walk(path)?.at(-1);
    if (end?.stats.isDirectory()) {
      this.#addPath(path);
      this.#addTree(end.path);
      return true;
    }
    this.#addFile(path, [], "required");
    const named = `/${decodePath(path)}`;
    if (!this.programs.includes(named)) this.programs.push(named);
    return true;
  }

  #locate(name: string): BytePath | undefined {
    if (name.startsWith("/")) {
      const path = encodePath(name);
      return this.#root.walk(path) === undefined ? undefined : path;
    }
    return SEARCH_PATH.map((folder) => encodePath(`${folder}/${name}`)).find((path) => {
      const stats = this.#root.walk(path)?.at(-1)?.stats;
      return stats?.isFile() === true && (stats.mode & 0o111) !== 0;
    });
  }

  #addTree(folder: BytePath): void {
    for (const name of this.#root.names(folder)) {
      const path = joinPath(folder, name);
      const stats = this.#root.stats(path);
      if (stats?.isDirectory()) {
        this.addDirectory(decodePath(path));
        this.#addTree(path);
      } else if (stats?.isFile() || stats?.isSymbolicLink()) {
        this.#addFile(path, [], "if-present");
      }
    }
  }

  /** The file, the links to it, and what it needs to run: libraries, loader, interpreter. */
  #addFile(path: BytePath, rpaths: readonly BytePath[], need: Need): void {
    const end = this.#addPath(path);
    if (!end?.isNew || !end.stats.isFile()) return;
    const head = this.#root.head(end.path, 256);
    if (head.toString("latin1", 0, 4) === "\x7fELF") this.#addLibraries(end.path, rpaths, need);
    else if ((end.stats.mode & 0o111) !== 0) this.#addInterpreter(end.path, head, need);
  }

  #addLibraries(object: BytePath, inherited: readonly BytePath[], need: Need): void {
    const facts = readElf(this.#root.bytesOf(object));
    if (facts === undefined) return;
    if (facts.interpreter !== undefined) this.#addFile(cleanPath(facts.interpreter), [], need);
    const rpaths = [...expandOrigin(facts.rpath, object), ...inherited];
    for (const name of facts.needed) {
      const library = this.#libraries.find(name, object, facts, rpaths);
      if (library !== undefined) {
        this.#addFile(library.path, rpaths, need);
        if (library.byCache) this.#addPath(encodePath("etc/ld.so.cache"));
      } else if (need === "required") {
        throw new BuildError(
          "base/library-not-found",
          `/${decodePath(object)} needs ${name}, which is not on this machine`,
        );
      }
    }
  }

  #addInterpreter(script: BytePath, head: Buffer, need: Need): void {
    const shebang = parseShebang(head);
    if (shebang === undefined) return;
    this.#addFile(cleanPath(shebang.interpreter), [], need);
    if (shebang.program !== undefined) {
      const program = this.#locate(shebang.program);
      if (program !== undefined) this.#addFile(program, [], need);
      else if (need === "required") {
        throw new BuildError(
          "base/program-not-found",
          `/${decodePath(script)} is run by "${shebang.program}", which is not on this machine`,
        );
      }
    }
  }

  /** Every link and folder on the way, and the end. Undefined where the path leads nowhere. */
  #addPath(path: BytePath): { path: BytePath; stats: Stats; isNew: boolean } | undefined {
    const passed = this.#root.walk(path);
    const end = passed?.at(-1);
    if (passed === undefined || end === undefined) return undefined;
    const isNew = !this.#entries.has(end.path);
    for (const { path: here, stats, target } of passed) {
      if (this.#entries.has(here)) continue;
      if (target !== undefined) this.#put({ path: here, kind: "symlink", mode: 0o777, size: 0, target });
      else if (stats.isDirectory()) this.#put({ path: here, kind: "dir", mode: 0o755, size: 0 });
      else if (stats.isFile()) this.#putFile(here, stats);
    }
    return { path: end.path, stats: end.stats, isNew };
  }

  #putFile(path: BytePath, stats: Stats): void {
    const { size } = stats;
    if (stats.nlink > 1) this.#inodes.set(path, `${stats.dev}:${stats.ino}`);
    this.#put({ path, kind: "file", mode: fileMode(stats), size }, () => this.#root.content(path, size));
  }

  #put(
    fields: Pick<TocEntry, "path" | "kind" | "mode" | "size" | "target">,
    content?: () => Iterable<Uint8Array>,
  ): void {
    if (this.#entries.has(fields.path)) return;
    const entry = { ...fields, uid: 0, gid: 0, mtimeSeconds: this.#mtimeSeconds, mtimeNanos: 0 };
    this.#entries.set(fields.path, content === undefined ? { entry } : { entry, content });
  }
}

/**
 * Two modes and no umask of this machine. Everything will belong to root, so a set-id bit stays only where it already meant
 * root's rights.
 */
function fileMode(stats: Stats): number {
  const base = (stats.mode & 0o111) === 0 ? 0o644 : 0o755;
  const setUser = stats.uid === 0 ? stats.mode & 0o4000 : 0;
  const setGroup = stats.gid === 0 ? stats.mode & 0o2000 : 0;
  return base | setUser | setGroup;
}
