const UNITS = "bkmgtp";

/** `64m`, `1.5GiB`, `1024`: bytes, every unit a power of 1024 (as docker/go-units' RAMInBytes); undefined: not a size. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?$/i.exec(text);
  if (match?.[1] === undefined) return undefined;
  const unit = (match[2] ?? "").toLowerCase();
  const bytes = Math.floor(Number(match[1]) * 1024 ** (unit === "" ? 0 : UNITS.indexOf(unit)));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
