/** Numbers as people read them. Pure; nothing here knows a locale. */

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"] as const;

/** `0 B`, `3.1 kB`, `182 kB`, `61 MB`: decimal units, two significant digits below ten, whole numbers above. */
export function formatBytes(bytes: number): string {
  const { value, unit } = scale(bytes, (scaled) => (scaled < 9.95 ? round(scaled, 1) : Math.round(scaled)));
  return `${unit === "B" ? Math.round(value) : value} ${unit}`;
}

/** `0B`, `3.1kB`, `61.2MB`: the SIZE column of Docker's tables, three significant digits and no space. */
export function formatDockerSize(bytes: number): string {
  const { value, unit } = scale(bytes, (scaled) => Number(scaled.toPrecision(3)));
  return `${value}${unit}`;
}

/** `0.1s`, `13.1s`, `2m 05s`, `1h 02m`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 59.95) return `${Math.max(0, seconds).toFixed(1)}s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m ${twoDigits(whole % 60)}s`;
  return `${Math.floor(minutes / 60)}h ${twoDigits(minutes % 60)}m`;
}

/** For estimates: `9.2 s`, `14 s`, `3 min`, `2 h`. */
export function formatAbout(seconds: number): string {
  if (seconds < 9.95) return `${round(seconds, 1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 99.5 * 60) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** `12s left`, `3m left`: coarse, because it is a guess. */
export function formatTimeLeft(seconds: number): string {
  if (seconds < 100) return `${Math.max(1, Math.round(seconds))}s left`;
  if (seconds < 100 * 60) return `${Math.round(seconds / 60)}m left`;
  return `${Math.round(seconds / 3600)}h left`;
}

/** How long ago, in Docker's words: `Less than a second ago`, `About a minute ago`, `3 weeks ago`. */
export function formatAge(ageMs: number): string {
  return `${formatDuration(ageMs)} ago`;
}

/** `Less than a second`, `About a minute`, `3 weeks`. */
export function formatDuration(ms: number): string {
  return describeAge(Math.max(0, ms) / 1000);
}

/** `9fcc1a6d4e3b`: the twelve digits that Docker's tables show. */
export function shortId(digest: string): string {
  return digest.slice(digest.indexOf(":") + 1).slice(0, 12);
}

/** `sha256:9fcc1a…`: for running text; `digits` of the sixty-four. */
export function shortDigest(digest: string, digits = 6): string {
  const colon = digest.indexOf(":");
  const hex = digest.slice(colon + 1);
  return hex.length <= digits ? digest : `${digest.slice(0, colon + 1)}${hex.slice(0, digits)}…`;
}

/** `1 hit`, `2 hits`, `2 misses`. */
export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** The unit is chosen after rounding: 999,999 bytes are 1 MB, never 1000 kB. */
function scale(
  bytes: number,
  rounded: (scaled: number) => number,
): { value: number; unit: (typeof UNITS)[number] } {
  let scaled = Math.max(0, bytes);
  for (const unit of UNITS) {
    const value = rounded(scaled);
    if (value < 1000 || unit === "EB") return { value, unit };
    scaled /= 1000;
  }
  return { value: scaled, unit: "EB" };
}

function describeAge(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 1) return "Less than a second";
  if (whole < 60) return formatCount(whole, "second");
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / 3600 / 24 / 365)} years`;
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
