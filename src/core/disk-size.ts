/** Units of disk sizes: `MB` is a million bytes, `MiB` 2 to the 20th. */
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** `500MB`, `10 GiB`, `20k`, `1024`: bytes; undefined where the text is no size. */
export function parseDiskSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?$/i.exec(text);
  const unit = UNITS[(match?.[2] ?? "").toLowerCase()];
  return match?.[1] === undefined || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}
