/** The option at an edit distance of less than three, or undefined; case is not looked at (as BuildKit's suggestions). */
export function suggest(written: string, options: readonly string[]): string | undefined {
  return nearest(written, options, (text) => text.toLowerCase());
}

/** Longer names, and options beyond so many, are not compared: looking for a typing error must stay cheap in any file. */
const MAX_NAME_CHARACTERS = 100;
const MAX_NAMES = 200;

/** The same for names of variables, in which case counts. */
export function suggestVariable(written: string, names: readonly string[]): string | undefined {
  if (written.length > MAX_NAME_CHARACTERS) return undefined;
  return nearest(written, names.slice(0, MAX_NAMES), (text) => text);
}

function nearest(
  written: string,
  options: readonly string[],
  fold: (text: string) => string,
): string | undefined {
  const wanted = fold(written);
  let best: string | undefined;
  let least = 3;
  for (const option of options) {
    const distance = editDistance(wanted, fold(option), least);
    if (distance < least) {
      least = distance;
      best = option;
    }
  }
  return best;
}

/** Levenshtein distance; anything from `limit` up is reported as `limit`, so that a long word costs nothing. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return Math.min(row[b.length] ?? limit, limit);
}
