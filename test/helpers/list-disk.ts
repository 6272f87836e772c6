import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { listXattrs } from "../../src/host/syscalls.ts";

/** Everything below a directory, a line a name: `d755 etc`, `f644 etc/passwd root:x`, `l bin -> usr/bin`, `c0:0 gone`. Names are latin1. */
export function listDisk(root: string, path = ""): string[] {
  const at = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, "latin1")]);
  return readdirSync(at, { encoding: "buffer" })
    .map((name) => name.toString("latin1"))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .flatMap((name) => {
      const child = path === "" ? name : `${path}/${name}`;
      const childAt = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(child, "latin1")]);
      const stat = lstatSync(childAt);
      return [describeFile(child, childAt, stat), ...(stat.isDirectory() ? listDisk(root, child) : [])];
    });
}

function describeFile(name: string, at: Buffer, stat: Stats): string {
  const mode = (stat.mode & 0o7777).toString(8);
  if (stat.isSymbolicLink())
    return `l ${name} -> ${readlinkSync(at, { encoding: "buffer" }).toString("latin1")}`;
  if (stat.isDirectory()) {
    const isOpaque = listXattrs(at).some((xattr) => xattr.endsWith("overlay.opaque"));
    return `d${mode} ${name}${isOpaque ? " opaque" : ""}`;
  }
  if (stat.isFile()) return `f${mode} ${name} ${readFileSync(at, "latin1")}`;
  if (stat.isFIFO()) return `p${mode} ${name}`;
  const kind = stat.isCharacterDevice() ? "c" : "b";
  return `${kind}${stat.rdev >> 8}:${stat.rdev & 0xff} ${name}`;
}
