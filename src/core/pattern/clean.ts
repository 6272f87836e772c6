/** Unicode white space as Go's strings.TrimSpace has it, in UTF-8 bytes (latin1). */
const SPACE = String.raw`(?:[\t\n\v\f\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)`;
const LEADING = new RegExp(`^${SPACE}+`);
const LAST = new RegExp(`${SPACE}$`);

/** A byte string (latin1) without white space around it. */
export function trimSpace(bytes: string): string {
  let rest = bytes.replace(LEADING, "");
  // One at a time: a trailing `+` would be retried at every blank of a long inner run.
  for (let match = LAST.exec(rest.slice(-3)); match !== null; match = LAST.exec(rest.slice(-3))) {
    rest = rest.slice(0, rest.length - match[0].length);
  }
  return rest;
}

/**
 * Go's path.Clean: the shortest path of the same meaning, by text alone. A leading slash stays, and so do leading `..` of a
 * relative path (unlike cleanPath of core/byte-path.ts, which clamps); nothing left is `.`.
 */
export function cleanPattern(path: string): string {
  const rooted = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!rooted) parts.push("..");
  }
  return rooted ? `/${parts.join("/")}` : parts.join("/") || ".";
}
