const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const PART = /^(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/;

/** Go's time.ParseDuration: `1m30s`, `1.5h`, `0`. Nanoseconds, or undefined where it is none or beyond 292 years. */
export function parseGoDuration(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  let rest = text.replace(/^[+-]/, "");
  if (rest === "0") return 0;
  if (rest === "") return undefined;
  let total = 0n;
  while (rest !== "") {
    const match = PART.exec(rest);
    const [whole, integer = "", fraction = "", unit = ""] = match ?? [];
    if (whole === undefined || (integer === "" && fraction === "")) return undefined;
    const scale = UNITS[unit] ?? 0;
    total += BigInt(integer === "" ? "0" : integer) * BigInt(scale);
    total += BigInt(Math.trunc(Number(`0.${fraction}0`) * scale));
    rest = rest.slice(whole.length);
  }
  return total > 0x7fff_ffff_ffff_ffffn ? undefined : sign * Number(total);
}
