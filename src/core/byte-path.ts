/**
 * A path inside a context or an image: raw bytes as a latin1 string, relative, `/`-separated, no leading or trailing slash,
 * no `.` or `..` component; the root is the empty string. JavaScript's `<` on these is byte order.
 */
export type BytePath = string & { readonly __brand: "BytePath" };

export const ROOT_PATH: BytePath = toBytePath("");

/** Text (UTF-16) to the path whose bytes are its UTF-8 form, cleaned and clamped at the root (`..` never climbs out). */
export function encodePath(text: string): BytePath {
  return cleanPath(Buffer.from(text, "utf8").toString("latin1"));
}

/** A latin1 byte string, cleaned: empty and `.` components dropped, `..` resolved and clamped at the root. */
export function cleanPath(bytes: string): BytePath {
  const parts: string[] = [];
  for (const part of bytes.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return toBytePath(parts.join("/"));
}

/** For people: the bytes read as UTF-8, what is not UTF-8 shown as U+FFFD. */
export function decodePath(path: string): string {
  return Buffer.from(path, "latin1").toString("utf8");
}

/** The raw bytes, for system calls. */
export function pathBytes(path: string): Buffer {
  return Buffer.from(path, "latin1");
}

export function joinPath(parent: BytePath, name: string): BytePath {
  return toBytePath(parent === "" ? name : name === "" ? parent : `${parent}/${name}`);
}

export function parentOf(path: BytePath): BytePath {
  const slash = path.lastIndexOf("/");
  return toBytePath(slash < 0 ? "" : path.slice(0, slash));
}

export function baseName(path: BytePath): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Brands bytes that are known to be clean already (names from readdir joined by joinPath, entries of our own TOC). */
export function toBytePath(bytes: string): BytePath {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one door of the brand
  return bytes as BytePath;
}

/** Byte order, for sort(). */
export function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
