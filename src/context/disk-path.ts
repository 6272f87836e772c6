import { closeSync, constants, openSync } from "node:fs";

/** Beyond this a directory is reached through a descriptor: the kernel takes paths of 4,096 bytes, names of 255 come on top. */
const MAX_DIRECT_BYTES = 3_500;

/**
 * A byte string (latin1) as fs calls take it. Node writes strings as UTF-8, which is the same bytes for ASCII and cheaper
 * than a Buffer.
 */
export function toDiskPath(bytes: string): string | Buffer {
  return /[^\x00-\x7f]/.test(bytes) ? Buffer.from(bytes, "latin1") : bytes;
}

/**
 * Directory prefixes (with trailing slash) that system calls can take however deep the tree: a long one becomes
 * `/proc/self/fd/N/`, its descriptor open until disposal.
 */
export class DiskDirectories implements Disposable {
  readonly #descriptors: number[] = [];

  /** The prefix for the entries of directory `name` of `prefix`. Throws the errno error of open where it is gone. */
  enter(prefix: string, name: string): string {
    const direct = `${prefix}${name}/`;
    if (direct.length <= MAX_DIRECT_BYTES || process.platform !== "linux") return direct;
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    const descriptor = openSync(toDiskPath(`${prefix}${name}`), flags);
    this.#descriptors.push(descriptor);
    return `/proc/self/fd/${descriptor}/`;
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#descriptors.splice(0)) closeSync(descriptor);
  }
}
