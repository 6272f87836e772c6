import { type BytePath, baseName, cleanPath, joinPath, parentOf } from "../core/byte-path.ts";
import { type ElfFacts, readElf } from "./elf.ts";
import type { HostRoot } from "./host-root.ts";

/** The folder that a multiarch system keeps a machine's libraries in (by e_machine). */
const MULTIARCH: Readonly<Record<number, readonly string[]>> = {
  3: ["i386-linux-gnu"],
  21: ["powerpc64le-linux-gnu"],
  22: ["s390x-linux-gnu"],
  40: ["arm-linux-gnueabihf", "arm-linux-gnueabi"],
  62: ["x86_64-linux-gnu"],
  183: ["aarch64-linux-gnu"],
  243: ["riscv64-linux-gnu"],
};

export interface FoundLibrary {
  readonly path: BytePath;
  /** True: only ld.so.cache leads there, so the image needs one. */
  readonly byCache: boolean;
}

/**
 * Finds shared libraries as the dynamic loader would (ld.so(8)): rpath, runpath, the folders of ld.so.conf, the built-in
 * ones; only objects of the same class and machine count.
 */
export class LibrarySearch {
  readonly #root: HostRoot;
  readonly #configured: readonly BytePath[];

  constructor(root: HostRoot) {
    this.#root = root;
    this.#configured = configuredFolders(root, cleanPath("etc/ld.so.conf"));
  }

  /** `user` is the object that needs the library, at `path` with its links resolved; `rpaths` those of who loaded it. */
  find(name: string, path: BytePath, user: ElfFacts, rpaths: readonly BytePath[]): FoundLibrary | undefined {
    if (name.includes("/")) return this.#ifFits(cleanPath(name), user, false);
    const own = user.runpath.length > 0 ? expandOrigin(user.runpath, path) : rpaths;
    const builtIn = this.#builtIn(user);
    const rows = [
      ...own.map((folder) => ({ folder, byCache: false })),
      ...this.#configured.map((folder) => ({ folder, byCache: !builtIn.includes(folder) })),
      ...builtIn.map((folder) => ({ folder, byCache: false })),
    ];
    for (const { folder, byCache } of rows) {
      const found = this.#ifFits(joinPath(folder, name), user, byCache);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #ifFits(candidate: BytePath, user: ElfFacts, byCache: boolean): FoundLibrary | undefined {
    const end = this.#root.walk(candidate)?.at(-1);
    if (!end?.stats.isFile()) return undefined;
    const facts = readElf(this.#root.bytesOf(end.path));
    return facts?.target === user.target ? { path: candidate, byCache } : undefined;
  }

  #builtIn(user: ElfFacts): readonly BytePath[] {
    const musl = /ld-musl-([^.]+)\.so/.exec(user.interpreter ?? user.needed.join(" "))?.[1];
    if (musl !== undefined) {
      const configured = this.#root.text(cleanPath(`etc/ld-musl-${musl}.path`));
      return (configured ?? "/lib:/usr/local/lib:/usr/lib").split(/[:\n]/).filter(Boolean).map(cleanPath);
    }
    const folders = (MULTIARCH[user.machine] ?? []).flatMap((triplet) => [
      `lib/${triplet}`,
      `usr/lib/${triplet}`,
    ]);
    return [...folders, "lib64", "usr/lib64", "lib", "usr/lib"].map(cleanPath);
  }
}

/** `$ORIGIN` is the folder of the object itself; entries with tokens that we do not know are left out. */
export function expandOrigin(entries: readonly string[], object: BytePath): readonly BytePath[] {
  return entries
    .map((entry) => entry.replace(/\$(?:ORIGIN\b|\{ORIGIN\})/g, `/${parentOf(object)}`))
    .filter((entry) => entry.startsWith("/") && !entry.includes("$"))
    .map(cleanPath);
}

/** Folders that ld.so.conf names, `include` lines followed once each, in order. */
function configuredFolders(root: HostRoot, file: BytePath, seen = new Set<string>()): readonly BytePath[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const lines = (root.text(file) ?? "").split("\n").map((line) => line.replace(/#.*/, "").trim());
  return lines.flatMap((line) => {
    if (line === "" || line.startsWith("hwcap")) return [];
    const include = /^include\s+(.+)$/.exec(line)?.[1];
    if (include === undefined) return [cleanPath(line.replace(/=.*/, ""))];
    return expandWildcard(root, include.startsWith("/") ? include : `/etc/${include}`).flatMap((path) =>
      configuredFolders(root, path, seen),
    );
  });
}

/** A `*` in the last component, as distributions use it. */
function expandWildcard(root: HostRoot, pattern: string): readonly BytePath[] {
  const path = cleanPath(pattern);
  const [before = "", after] = baseName(path).split("*");
  if (after === undefined) return [path];
  const folder = parentOf(path);
  return root
    .names(folder)
    .filter((name) => name.startsWith(before) && name.endsWith(after) && !name.startsWith("."))
    .map((name) => joinPath(folder, name));
}
