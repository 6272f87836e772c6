/** True where a COPY source holds a wildcard of Go's filepath.Match. */
export function hasWildcard(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const char = path[i];
    if (char === "\\") i++;
    else if (char === "*" || char === "?" || char === "[") return true;
  }
  return false;
}
