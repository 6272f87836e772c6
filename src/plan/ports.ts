import { BuildError } from "../core/errors.ts";
import type { SourceRange } from "../core/source-range.ts";

/** EXPOSE words (`80`, `53/udp`, `8000-8003`, `ip:host:container`) to `port/protocol`, in order, as BuildKit reads them. */
export function parsePorts(words: readonly string[], at: SourceRange): string[] {
  return words.flatMap((word) => parsePort(word, at));
}

function parsePort(word: string, at: SourceRange): string[] {
  const bad = (why: string) =>
    new BuildError("dockerfile/bad-arguments", `EXPOSE "${word}": ${why}`, {
      at,
      word,
      hint: "Write a port from 0 to 65535, a range such as 8000-8010, and /tcp, /udp or /sctp behind it.",
    });
  const container = word.slice(word.lastIndexOf(":") + 1);
  const [port = "", protocol = "", ...rest] = container.split("/");
  const kind = protocol === "" ? "tcp" : protocol.toLowerCase();
  if (rest.length > 0 || !["tcp", "udp", "sctp"].includes(kind)) throw bad(`unknown protocol "${protocol}"`);
  const [first = "", last = first, ...more] = port.split("-");
  const start = parseNumber(first);
  const end = parseNumber(last);
  if (start === undefined || end === undefined || more.length > 0) throw bad("invalid port");
  if (end < start) throw bad("the range ends before it starts");
  return Array.from({ length: end - start + 1 }, (_, i) => `${start + i}/${kind}`);
}

function parseNumber(text: string): number | undefined {
  if (!/^\d{1,9}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= 65535 ? value : undefined;
}
