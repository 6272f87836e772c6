import { closeSync, constants, fstatSync, openSync, readlinkSync, type Stats } from "node:fs";

/** Linux's, which node does not name. */
const O_PATH = 0o10000000;
const MAX_LINKS = 40;

/** A file found, held open: what happens to its names afterwards does not matter. */
export interface OpenedFile extends Disposable {
  readonly fd: number;
  readonly stat: Stats;
}

/**
 * Opens `path` (raw bytes as latin1) below the directory `root` as if that were the file system's root, component by component
 * over descriptors: whoever swaps directories for links meanwhile, nothing outside is ever reached. As openat2 with
 * RESOLVE_IN_ROOT. Undefined where something is missing or links loop. The descriptor is one of O_PATH.
 */
export function openBeneath(root: string, path: string): OpenedFile | undefined {
  const held: number[] = [openSync(root, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW)];
  const leave = (): void => {
    for (const fd of held) closeSync(fd);
  };
  try {
    if (!walk(held, path)) {
      leave();
      return undefined;
    }
  } catch (error) {
    leave();
    throw error;
  }
  const fd = held.pop() ?? -1;
  leave();
  return { fd, stat: fstatSync(fd), [Symbol.dispose]: () => closeSync(fd) };
}

/** `held`: descriptors from the root down to where the walk has come. */
function walk(held: number[], path: string): boolean {
  let open = path.split("/").toReversed();
  for (let links = 0; open.length > 0; ) {
    const name = open.pop() ?? "";
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (held.length > 1) closeSync(held.pop() ?? -1);
      continue;
    }
    const place = Buffer.from(`/proc/self/fd/${held.at(-1)}/${name}`, "latin1");
    const fd = tryOpen(place);
    if (fd === undefined) return false;
    if (!fstatSync(fd).isSymbolicLink()) {
      held.push(fd);
      continue;
    }
    closeSync(fd);
    if (++links > MAX_LINKS) return false;
    const target = tryReadLink(place);
    if (target === undefined) return false;
    if (target.startsWith("/")) while (held.length > 1) closeSync(held.pop() ?? -1);
    open = [...open, ...target.split("/").toReversed()];
  }
  return true;
}

function tryOpen(place: Buffer): number | undefined {
  try {
    return openSync(place, O_PATH | constants.O_NOFOLLOW);
  } catch {
    return undefined; // missing, or below something that is no directory
  }
}

function tryReadLink(place: Buffer): string | undefined {
  try {
    return readlinkSync(place, "buffer").toString("latin1");
  } catch {
    return undefined; // replaced meanwhile
  }
}
