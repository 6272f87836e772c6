/** What EXPOSE's two rules look at in a word; undefined where the word is no port at all, which is an error of its own. */
export function readExposed(
  word: string,
): { readonly protocol: string; readonly isMapping: boolean } | undefined {
  const parts = word.split(":");
  const [port = "", ...rest] = (parts.pop() ?? "").split("/");
  const protocol = rest.join("/");
  if (port === "" || !["", "tcp", "udp", "sctp"].includes(protocol.toLowerCase())) return undefined;
  return { protocol, isMapping: parts.some((part) => part !== "") };
}
