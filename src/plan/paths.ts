import { posix } from "node:path";

/** A WORKDIR over the current one. An absolute path is kept as written (not cleaned), as BuildKit does: it is part of what RUN sees. */
export function resolveWorkdir(current: string, path: string): string {
  const parent = current === "" ? "/" : current;
  if (path === "") return parent;
  return path.startsWith("/") ? path : posix.join(parent, path);
}

/** A COPY destination over the working directory; a final `/` or `/.` is kept, it says "this is a directory". */
export function resolveDestination(workdir: string, path: string): string {
  if (path.startsWith("/")) return path;
  const written = path === "" || path === "." ? "./" : path;
  const joined = posix.join(workdir === "" ? "/" : workdir, written);
  if (written.endsWith("/")) return joined.endsWith("/") ? joined : `${joined}/`;
  if (written.endsWith("/.")) return joined === "/" ? "/." : `${joined}/.`;
  return joined;
}
