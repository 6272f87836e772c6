import type { CacheKey, Change } from "../core/cache-key.ts";
import { RowEdits, unique } from "./row-edits.ts";
import type { RowFacts } from "./row-facts.ts";

/** Two keys of one step, and what moved between them (explainMiss). */
export interface MovedKey {
  readonly old: CacheKey;
  readonly now: CacheKey;
  readonly moved: readonly Change[];
}

interface Sorted {
  readonly own: Change[];
  /** Rows that missed and that this one follows from. */
  readonly parents: Set<RowFacts>;
  /** Changes of rows that hit, told here. */
  readonly carried: Change[];
}

const FIRST: Change = { kind: "first-build", subject: "", old: null, new: null };

/**
 * Why the rows of one build missed, against an earlier one: what a person changed, told apart from what follows. Ask for steps in
 * the order they are solved: a row that only follows names the row it follows from.
 */
export class RowComparison {
  readonly #edits: RowEdits | undefined;
  /** By row that missed: the row to blame, itself where it was touched. */
  readonly #roots = new Map<string, RowFacts>();

  readonly #movedOf: (row: string) => MovedKey | undefined;

  /** `before`: undefined where nothing like it was built here. `movedOf` tells how the key of a step that hit differs from before. */
  constructor(
    before: readonly RowFacts[] | undefined,
    rows: readonly RowFacts[],
    movedOf: (row: string) => MovedKey | undefined = () => undefined,
  ) {
    this.#movedOf = movedOf;
    this.#edits = before === undefined ? undefined : new RowEdits(before, rows);
  }

  /** The row of the earlier build that this one was. */
  partner(id: string): RowFacts | undefined {
    return this.#edits?.partner(id);
  }

  /** Of a row without work of its own. */
  metadataChanges(id: string): readonly Change[] {
    const edits = this.#edits;
    const row = edits?.row(id);
    if (edits === undefined || row === undefined) return [FIRST];
    const own = this.#ownOfMetadata(edits, row);
    if (own.length > 0) return this.#note(row, unique(own), []);
    const cause = [...edits.above(row)]
      .map((above) =>
        edits.of(above).length > 0 ? above : above.isStep ? undefined : this.#roots.get(above.id),
      )
      .find((above) => above !== undefined);
    // An edit that led back to a result of long ago is a hit itself: the first miss below it tells of it.
    if (cause !== undefined && !this.#roots.has(cause.id))
      return this.#note(row, unique(edits.of(cause)), []);
    return this.#note(row, cause === undefined ? [FIRST] : [], cause === undefined ? [] : [cause]);
  }

  /** The same of a row that may be as it was: none where neither it nor anything above it was touched. */
  movedMetadata(id: string): readonly Change[] {
    const edits = this.#edits;
    const row = edits?.row(id);
    if (edits === undefined || row === undefined) return [];
    const isTouched = [row, ...edits.above(row)].some(
      (other) => edits.of(other).length > 0 || (!other.isStep && this.#roots.has(other.id)),
    );
    return isTouched || this.#ownOfMetadata(edits, row).length > 0 ? this.metadataChanges(id) : [];
  }

  #ownOfMetadata(edits: RowEdits, row: RowFacts): Change[] {
    return [
      ...edits.of(row),
      ...edits.removedAbove(
        row,
        () => true,
        (above) => !above.isStep && above.keyword !== "FROM",
      ),
      ...this.#movedBase(edits, row, (above) => !above.isStep),
    ];
  }

  /** Of a step; `found` is undefined where no earlier key is known. */
  stepChanges(id: string, found: MovedKey | undefined): readonly Change[] {
    const edits = this.#edits;
    const row = edits?.row(id);
    if (edits === undefined || row === undefined) return found === undefined ? [FIRST] : found.moved;
    const edited = edits.of(row);
    if (found === undefined) return this.#note(row, edited.length > 0 ? edited : [FIRST], []);
    const moved = this.#sort(edits, row, found);
    const removed = found.moved.some(isParent)
      ? edits.removedAbove(
          row,
          (gone) => gone.isStep,
          (above) => above.isStep && above.keyword !== "FROM",
        )
      : [];
    const base = found.moved.some(isParent) ? this.#movedBase(edits, row, (above) => above.isStep) : [];
    const { parents } = moved;
    const carried = moved.carried;
    if (found.moved.some(isParent) && removed.length + base.length === 0) {
      const parent = [...edits.above(row)].find((above) => above.isStep && above.keyword !== "FROM");
      if (parent !== undefined) this.#blame(parent, { parents, carried });
    }
    const own = unique([...edited, ...moved.own, ...removed, ...base, ...carried]);
    if (own.length + parents.size === 0) return this.#note(row, found.moved, []);
    return this.#note(row, own, [...parents]);
  }

  /** What moved in a key, each part traced to what made it move. */
  #sort(edits: RowEdits, row: RowFacts, { old, now, moved }: MovedKey): Sorted {
    const partner = edits.partner(row.id);
    const isRewritten = partner?.written !== row.written;
    const isReExpanded = isRewritten || (row.keyword !== "RUN" && partner.effective !== row.effective);
    const isNewSource = sourceTest(old, now);
    const own: Change[] = [];
    const parents = new Set<RowFacts>();
    const carried: Change[] = [];
    for (const change of moved) {
      if (change.kind === "parent" || change.kind === "base") continue;
      if (change.kind === "instruction") {
        if (!isRewritten) this.#traceShape(edits, row, { change, own, parents });
      } else if (change.kind === "arg" || change.kind === "env") {
        own.push(...traceVariable(edits, row, change));
      } else if (change.kind.startsWith("file-")) {
        if (isReExpanded && isNewSource(change)) continue;
        if (row.reads === null) own.push(change);
        else this.#blameStage(edits, row.reads, { parents, carried });
      } else own.push(change);
    }
    return { own, parents, carried };
  }

  /** Directory, user or shell moved under an instruction that nobody touched: one above it did it. */
  #traceShape(
    edits: RowEdits,
    row: RowFacts,
    to: { readonly change: Change; readonly own: Change[]; readonly parents: Set<RowFacts> },
  ): void {
    if (to.change.subject.startsWith("<<")) return void to.own.push(to.change);
    if (edits.of(row).length > 0) return;
    const shaping = ["WORKDIR", "USER", "SHELL"];
    for (const above of edits.above(row)) {
      if (!shaping.includes(above.keyword) || edits.of(above).length === 0) continue;
      to.parents.add(this.#roots.get(above.id) ?? above);
      return;
    }
    const told = [...edits.above(row)].find((above) => this.#roots.has(above.id));
    const gone = edits.removedAbove(
      row,
      ({ keyword }) => shaping.includes(keyword),
      (above) => above === told,
    );
    const root = told === undefined ? undefined : this.#roots.get(told.id);
    if (gone.length === 0 && root !== undefined) return void to.parents.add(root);
    const base = [...edits.above(row)]
      .filter(({ keyword }) => keyword === "FROM")
      .flatMap((from) => edits.of(from));
    to.own.push(...(gone.length > 0 ? gone : base.length > 0 ? base : [to.change]));
  }

  /** A base that moved is told by the first row above which nothing else could tell it. */
  #movedBase(edits: RowEdits, row: RowFacts, tells: (above: RowFacts) => boolean): readonly Change[] {
    for (const above of edits.above(row)) {
      if (above.keyword === "FROM") return edits.of(above);
      if (tells(above)) return [];
    }
    return [];
  }

  /** Files of another stage moved: the lowest of its rows that missed knows why, else the step that made them. */
  #blameStage(edits: RowEdits, stageIndex: number, to: Omit<Sorted, "own">): void {
    const rows = [...edits.fromBottom(stageIndex)];
    const missed =
      rows.find((row) => row.isStep && this.#roots.has(row.id)) ?? rows.find((row) => row.isStep);
    if (missed !== undefined) this.#blame(missed, to);
  }

  /** What a step that moved is to blame on. One that hit tells nothing in its own line: what moved it is carried down. */
  #blame(parent: RowFacts, to: Omit<Sorted, "own">): void {
    const root = this.#roots.get(parent.id);
    if (root !== undefined) return void to.parents.add(root);
    const found = this.#movedOf(parent.id);
    const changes = found === undefined ? [] : this.stepChanges(parent.id, found);
    const cause = this.#roots.get(parent.id);
    this.#roots.delete(parent.id);
    const own = changes.filter((change) => !isParent(change));
    to.carried.push(...own);
    if (own.length === 0) to.parents.add(cause ?? parent);
  }

  #note(row: RowFacts, own: readonly Change[], parents: readonly RowFacts[]): readonly Change[] {
    const [first] = parents;
    this.#roots.set(row.id, own.length === 0 && first !== undefined ? first : row);
    const following = parents.map((cause) => follows(labelOf(cause, row)));
    return own.length > 0 ? [...own, ...following] : following.slice(0, 1);
  }
}

function isParent({ kind }: Change): boolean {
  return kind === "parent" || kind === "base";
}

function labelOf(cause: RowFacts, row: RowFacts): string {
  return cause.stageIndex === row.stageIndex
    ? `step ${cause.ordinal}`
    : `${cause.stage} step ${cause.ordinal}`;
}

function follows(subject: string): Change {
  return { kind: "parent", subject, old: null, new: null };
}

function traceVariable(edits: RowEdits, row: RowFacts, change: Change): readonly Change[] {
  if (change.subject === "order") return edits.of(row).length > 0 ? [] : [change];
  const roots = edits.variableRoots(change.subject, row);
  return roots.length > 0 ? roots : [change];
}

/** Whether a change is a source that came or went as a whole, rather than a file in one. */
function sourceTest(old: CacheKey, now: CacheKey): (change: Change) => boolean {
  const before = sourcesOf(old);
  const after = sourcesOf(now);
  return ({ kind, subject, old: from }) => {
    if (kind === "file-added") return after.has(subject) && !before.has(subject);
    if (kind === "file-removed") return before.has(subject) && !after.has(subject);
    return kind === "file-renamed" && after.has(subject) && before.has(from ?? "");
  };
}

function sourcesOf(key: CacheKey): ReadonlySet<string> {
  return new Set(key.inputs.filter(({ kind }) => kind === "files").map(({ subject }) => subject));
}
