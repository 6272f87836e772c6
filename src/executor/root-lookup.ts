import { closeSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from "node:fs";
import { constants } from "node:os";
import { type BytePath, cleanPath, encodePath, joinPath, parentOf, pathBytes } from "../core/byte-path.ts";
import { candidatePaths, cannotStart } from "./program-search.ts";

/** The kernel's limit, too. */
const MAX_LINKS = 40;

/** Where `target` leads inside `root`, free of symbolic links, none followed out of it; and whether it is there. */
export interface Found {
  readonly path: BytePath;
  /** undefined: missing, it or a directory on the way. */
  readonly stat: Stats | undefined;
}

export function lookUp(root: string, target: string): Found {
  const base = Buffer.from(root, "utf8").toString("latin1");
  let at = cleanPath("");
  let stat: Stats | undefined = lstatSync(pathBytes(`${base}/`));
  let rest: string[] = encodePath(target).split("/");
  let links = 0;
  while (rest.length > 0) {
    const [name = "", ...further] = rest;
    rest = further;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      // Also of a component that is missing, as runc's securejoin has it: never above the root.
      at = parentOf(at);
      stat = statOf(base, at);
      continue;
    }
    const path = joinPath(at, name);
    stat = statOf(base, path);
    if (stat?.isSymbolicLink() === true) {
      if (++links > MAX_LINKS) return { path, stat: undefined };
      const link = readLink(`${base}/${path}`);
      if (link === undefined) return { path, stat: undefined };
      if (link.startsWith("/")) at = cleanPath("");
      rest = [...link.split("/"), ...rest];
      continue;
    }
    at = path;
  }
  return { path: at, stat };
}

function statOf(base: string, path: BytePath): Stats | undefined {
  return lstatSync(pathBytes(`${base}/${path}`), { throwIfNoEntry: false });
}

/** undefined where it cannot be read: /proc/self of a pid namespace that we are not in. */
function readLink(path: string): string | undefined {
  try {
    return readlinkSync(pathBytes(path), "buffer").toString("latin1");
  } catch {
    return undefined;
  }
}

/**
 * Throws what starting the program would end in (`run/cannot-start`), for executors whose launchers report it only in
 * words. Root may execute whatever has an execute bit; for other users the launcher's own error has to do.
 */
export function requireProgram(
  root: string,
  args: readonly string[],
  env: readonly string[],
  cwd: string,
): void {
  const name = args[0] ?? "";
  const errnos: number[] = [];
  for (const candidate of candidatePaths(name, env)) {
    const { path, stat } = lookUp(root, candidate.startsWith("/") ? candidate : `${cwd}/${candidate}`);
    if (stat === undefined) errnos.push(constants.errno.ENOENT);
    else if (!stat.isFile() || (stat.mode & 0o111) === 0) errnos.push(constants.errno.EACCES);
    else if (isProgram(`${Buffer.from(root, "utf8").toString("latin1")}/${path}`)) return;
    else errnos.push(constants.errno.ENOEXEC);
  }
  throw cannotStart(name, env, errnos);
}

/** ELF or "#!": what the kernel takes. Shells would run anything else as a script of their own. */
function isProgram(path: string): boolean {
  const fd = openSync(pathBytes(path), "r");
  try {
    const head = Buffer.alloc(4);
    readSync(fd, head, 0, 4, 0);
    return head.toString("latin1") === "\x7fELF" || head.toString("latin1", 0, 2) === "#!";
  } finally {
    closeSync(fd);
  }
}
