/** What the comments right above say about a name: the line that begins with it, without it. */
export function describe(name: string | undefined, comments: readonly string[]): string | undefined {
  if (name === undefined || name === "") return undefined;
  return comments.find((comment) => comment.startsWith(`${name} `))?.slice(name.length + 1);
}
