import { createHash } from "node:crypto";
import { posix } from "node:path";
import { type BytePath, baseName, decodePath, encodePath, joinPath, parentOf } from "../core/byte-path.ts";
import { type Digest, requireDigest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { FileFacts, FileTree } from "../core/file-tree.ts";
import type { ModeChange } from "../core/mode.ts";
import { type Edit, type EditView, notADirectory } from "./edit-view.ts";

/** What COPY does to each thing it writes. */
export interface CopyAttributes {
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly mode: ModeChange | undefined;
  /** Files and directories that --exclude leaves out; paths are relative to the copied directory. */
  readonly excludes: ((path: string) => boolean) | undefined;
  /** Files that --parents takes in (patterns relative to the pivot); undefined: all. */
  readonly includes?: ((path: string) => boolean) | undefined;
  /** --link: what is in the way is replaced. */
  readonly replace: boolean;
  /** Time of directories that the copy itself makes. */
  readonly nowSeconds: number;
}

/**
 * Copies one resolved source (a wildcard match, or a plain path) to a destination, as BuildKit's copier does
 * (tonistiigi/fsutil copy): a directory's contents merge into the destination, a file goes into an existing directory or to
 * the name given, made parents get 0755 (or --chmod's bits) and the owner, present directories keep theirs at the top and take
 * the source's below it.
 */
export class Copier {
  readonly #from: FileTree;
  readonly #to: EditView;
  readonly #how: CopyAttributes;
  /** Hard links are kept within one source tree of one instruction. */
  readonly #inodes = new Map<number, BytePath>();

  constructor(from: FileTree, to: EditView, how: CopyAttributes) {
    this.#from = from;
    this.#to = to;
    this.#how = how;
  }

  /** `source` is a path of the tree; `written` its name as the author wrote it (a symlink's own name is kept); `dest` absolute. */
  copy(source: BytePath, dest: string): void {
    this.#ensureParent(dest);
    const real = this.#from.resolve(source, true);
    const facts = real === undefined ? undefined : this.#from.facts(real);
    if (real === undefined || facts === undefined) throw fileNotFound(decodePath(source));
    const target = this.#target(source, facts, dest);
    this.#copyInto(real, "", target, true);
  }

  /** An inline file (heredoc). */
  copyInline(name: string, content: string, dest: string): void {
    this.#ensureParent(dest);
    const bytes = Buffer.from(content, "utf8");
    const facts: FileFacts = {
      type: "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: bytes.length,
      mtimeSeconds: this.#how.nowSeconds,
      mtimeNanos: 0,
    };
    const target = this.#target(encodePath(name), facts, dest);
    const digest = requireDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
    this.#putOther(target, { facts: this.#dress(facts), content: () => [bytes], digest });
  }

  #ensureParent(written: string): void {
    const dest = encodeDest(written);
    const name = dest.slice(dest.lastIndexOf("/") + 1);
    this.#makeDirectories(name === "" || name === "." ? dest : dest.slice(0, dest.lastIndexOf("/") + 1));
  }

  #makeDirectories(path: string): BytePath {
    const { owner, mode, nowSeconds } = this.#how;
    return this.#to.makeDirectories(path, {
      // mkdir(2) knows no set-id and sticky bits here.
      mode: (mode?.octal ?? 0o755) & 0o777,
      uid: owner?.uid ?? 0,
      gid: owner?.gid ?? 0,
      mtimeSeconds: nowSeconds,
    });
  }

  #target(source: BytePath, facts: FileFacts, dest: string): BytePath {
    const path = this.#to.resolve(encodeDest(dest), true);
    if (path === undefined) throw notADirectory(encodePath(dest));
    const present = this.#to.facts(path);
    if (facts.type === "dir") {
      // The top directory is made like any parent: the source's own mode and owner do not matter.
      if (present === undefined) this.#makeDirectories(path);
      return path;
    }
    const target = present?.type === "dir" ? joinPath(path, baseName(source)) : path;
    this.#makeDirectories(parentOf(target));
    return target;
  }

  /** `relative` is the path below the copied directory, for patterns; the top itself is never excluded. */
  #copyInto(source: BytePath, relative: string, target: BytePath, top: boolean): void {
    const facts = this.#from.facts(source);
    if (facts === undefined) throw fileNotFound(decodePath(source));
    if (facts.type === "dir") {
      this.#copyDirectory(source, relative, { target, facts, top });
      return;
    }
    if (relative !== "" && !this.#takes(relative)) return;
    if (facts.type === "socket") {
      throw new BuildError(
        "context/unsupported-file",
        `/${decodePath(source)} is a socket and cannot be copied`,
        {
          hint: "Add it to .dockerignore.",
        },
      );
    }
    this.#putOther(target, this.#edit(source, facts, target));
  }

  #copyDirectory(
    source: BytePath,
    relative: string,
    at: { readonly target: BytePath; readonly facts: FileFacts; readonly top: boolean },
  ): void {
    const { target, facts, top } = at;
    const taken = top || this.#takes(relative);
    if (taken) this.#putDirectory(source, target, { facts, top });
    for (const name of this.#from.names(source)) {
      const child = relative === "" ? name : `${relative}/${name}`;
      const before = this.#to.facts(target);
      this.#copyInto(joinPath(source, name), child, joinPath(target, name), false);
      // A directory that only its contents bring in appears with the first of them.
      if (!taken && before === undefined && this.#to.facts(joinPath(target, name)) !== undefined) {
        this.#putDirectory(source, target, { facts, top });
      }
    }
  }

  #putDirectory(
    source: BytePath,
    target: BytePath,
    at: { readonly facts: FileFacts; readonly top: boolean },
  ): void {
    if (target === "") return;
    const present = this.#to.facts(target);
    if (present !== undefined && present.type !== "dir") {
      if (!this.#how.replace) throw notADirectory(target);
      this.#to.drop(target);
    }
    // The top directory merges: what is there keeps its owner, mode and time. Below it the source's facts win.
    if (present?.type === "dir" && at.top) return;
    const xattrs = this.#from.facts(source)?.xattrs;
    this.#to.put(target, {
      facts: { ...this.#dress(at.facts), ...(xattrs === undefined ? {} : { xattrs }) },
    });
  }

  #putOther(target: BytePath, edit: Edit): void {
    const present = this.#to.facts(target);
    if (present?.type === "dir") {
      if (!this.#how.replace) throw replacesDirectory(target);
      this.#to.drop(target);
    }
    this.#to.put(target, edit);
  }

  #edit(source: BytePath, facts: FileFacts, target: BytePath): Edit {
    const dressed = this.#dress(facts);
    if (facts.type !== "file") return { facts: dressed };
    const digest: Digest = this.#from.contentDigest(source);
    const edit = { facts: dressed, content: () => this.#from.read(source), digest };
    const group = facts.linkGroup;
    const first = group === undefined ? undefined : this.#inodes.get(group);
    if (group !== undefined && first === undefined) this.#inodes.set(group, target);
    return first === undefined ? edit : { ...edit, linkTo: first };
  }

  #dress(facts: FileFacts): FileFacts {
    const { owner, mode } = this.#how;
    const { linkGroup: _group, ...rest } = facts;
    return {
      ...rest,
      mtimeNanos: 0,
      uid: owner?.uid ?? facts.uid,
      gid: owner?.gid ?? facts.gid,
      mode:
        mode === undefined || facts.type === "symlink"
          ? facts.mode
          : mode.apply(facts.mode, facts.type === "dir"),
    };
  }

  #takes(relative: string): boolean {
    const { includes, excludes } = this.#how;
    if (includes !== undefined && !includes(relative)) return false;
    return excludes === undefined || !excludes(relative);
  }
}

/** Cleaned as text before any link is followed; a final `/` or `/.` stays. */
function encodeDest(dest: string): string {
  const bytes = Buffer.from(dest, "utf8").toString("latin1");
  const clean = posix.join("/", bytes);
  if (bytes.endsWith("/.")) return clean === "/" ? "/." : `${clean.replace(/\/$/, "")}/.`;
  return clean;
}

export function fileNotFound(path: string): BuildError {
  return new BuildError("context/file-not-found", `"/${path.replace(/^\/+/, "")}" was not found`, {
    word: path,
  });
}

function replacesDirectory(path: BytePath): BuildError {
  return new BuildError(
    "copy/not-a-directory",
    `/${decodePath(path)} is a directory; a file cannot take its place`,
    {
      hint: "Copy to another name, or remove the directory in a step above.",
    },
  );
}
