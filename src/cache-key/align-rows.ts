import type { RowFacts } from "./row-facts.ts";

/** Which row of an earlier build a row of this one is, and which rows are gone. */
export interface Alignment {
  /** By the id of the new row. */
  readonly partners: ReadonlyMap<string, RowFacts>;
  /** Rows that were there before, by the id of the row they stood above; "" where they were the last. */
  readonly removedAbove: ReadonlyMap<string, readonly RowFacts[]>;
}

/** Stages are paired by name, else by place; in them rows by what is written, and what lies between equal ones by keyword. */
export function alignRows(before: readonly RowFacts[], after: readonly RowFacts[]): Alignment {
  const partners = new Map<string, RowFacts>();
  const removedAbove = new Map<string, RowFacts[]>();
  const oldStages = stagesOf(before);
  const taken = new Set<number>();
  for (const stage of stagesOf(after)) {
    const old = partnerStage(stage, oldStages, taken);
    if (old === undefined) continue;
    const oldIndex = old[0]?.stageIndex;
    if (oldIndex !== undefined) taken.add(oldIndex);
    for (const { oldRow, row, above } of pairRows(old, stage)) {
      if (row !== undefined) partners.set(row.id, oldRow);
      else removedAbove.set(above, [...(removedAbove.get(above) ?? []), oldRow]);
    }
  }
  return { partners, removedAbove };
}

function stagesOf(rows: readonly RowFacts[]): RowFacts[][] {
  const stages = new Map<number, RowFacts[]>();
  for (const row of rows) stages.set(row.stageIndex, [...(stages.get(row.stageIndex) ?? []), row]);
  return [...stages.values()];
}

function partnerStage(
  stage: readonly RowFacts[],
  old: readonly RowFacts[][],
  taken: ReadonlySet<number>,
): RowFacts[] | undefined {
  const free = old.filter(([first]) => first !== undefined && !taken.has(first.stageIndex));
  const byName = free.find(([first]) => first?.stage === stage[0]?.stage);
  return byName ?? free.find(([first]) => first?.stageIndex === stage[0]?.stageIndex);
}

interface Pair {
  readonly oldRow: RowFacts;
  /** undefined: it is gone. */
  readonly row: RowFacts | undefined;
  readonly above: string;
}

function pairRows(old: readonly RowFacts[], now: readonly RowFacts[]): Pair[] {
  const pairs: Pair[] = [];
  let i = 0;
  let j = 0;
  const upTo = (oldEnd: number, nowEnd: number) => {
    pairs.push(...pairBetween(old.slice(i, oldEnd), now.slice(j, nowEnd), now[nowEnd]?.id ?? ""));
  };
  for (const [oldAt, nowAt] of commonRows(old, now)) {
    upTo(oldAt, nowAt);
    const [oldRow, row] = [old[oldAt], now[nowAt]];
    if (oldRow !== undefined && row !== undefined) pairs.push({ oldRow, row, above: "" });
    i = oldAt + 1;
    j = nowAt + 1;
  }
  upTo(old.length, now.length);
  return pairs;
}

/** Rows between two that stayed: an edited one has the keyword that it had, and an edited variable its name. */
function pairBetween(old: readonly RowFacts[], now: readonly RowFacts[], above: string): Pair[] {
  const pairs: Pair[] = [];
  let from = 0;
  const gone: RowFacts[] = [];
  for (const oldRow of old) {
    const at = now.findIndex((row, index) => index >= from && isSameKind(oldRow, row));
    if (at < 0) {
      gone.push(oldRow);
      continue;
    }
    pairs.push(
      ...gone.splice(0).map((lost) => ({ oldRow: lost, row: undefined, above: now[at]?.id ?? above })),
    );
    pairs.push({ oldRow, row: now[at], above: "" });
    from = at + 1;
  }
  return [...pairs, ...gone.map((lost) => ({ oldRow: lost, row: undefined, above: now[from]?.id ?? above }))];
}

function isSameKind(old: RowFacts, now: RowFacts): boolean {
  if (old.keyword !== now.keyword) return false;
  if (old.keyword !== "ARG" && old.keyword !== "ENV") return true;
  return old.variables.some(({ name }) => now.variables.some((other) => other.name === name));
}

/** Longest common subsequence by what is written; rows of one stage are few. */
function commonRows(old: readonly RowFacts[], now: readonly RowFacts[]): [number, number][] {
  const width = now.length + 1;
  const lengths = new Uint16Array((old.length + 1) * width);
  const at = (i: number, j: number) => lengths[i * width + j] ?? 0;
  const same = (i: number, j: number) => old[i]?.written === now[j]?.written;
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] = same(i, j) ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const common: [number, number][] = [];
  for (let i = 0, j = 0; i < old.length && j < now.length; ) {
    if (same(i, j)) {
      common.push([i, j]);
      i += 1;
      j += 1;
    } else if (at(i + 1, j) >= at(i, j + 1)) i += 1;
    else j += 1;
  }
  return common;
}
