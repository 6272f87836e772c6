import type { Change } from "../core/cache-key.ts";
import { type Alignment, alignRows } from "./align-rows.ts";
import { mentions, type RowFacts, type RowVariable } from "./row-facts.ts";

/**
 * What a person changed between two builds as far as the rows themselves tell: instructions edited, added and removed, variables
 * and bases that moved. A row that differs only because of another one (`ENV V=$X` after `ARG X` moved) answers with that one's.
 */
export class RowEdits {
  readonly #rows: readonly RowFacts[];
  readonly #alignment: Alignment;
  readonly #known = new Map<string, readonly Change[]>();

  constructor(before: readonly RowFacts[], rows: readonly RowFacts[]) {
    this.#rows = rows;
    this.#alignment = alignRows(before, rows);
  }

  row(id: string): RowFacts | undefined {
    return this.#rows.find((row) => row.id === id);
  }

  partner(id: string): RowFacts | undefined {
    return this.#alignment.partners.get(id);
  }

  /** Of one row. */
  of(row: RowFacts): readonly Change[] {
    const known = this.#known.get(row.id);
    if (known !== undefined) return known;
    this.#known.set(row.id, []);
    const edits = row.keyword === "FROM" ? this.#ofFrom(row) : this.#ofInstruction(row);
    this.#known.set(row.id, edits);
    return edits;
  }

  /** Rows above one, nearest first; those of the stage that FROM names too. */
  *above(row: RowFacts): Generator<RowFacts> {
    const stage = this.#rows.filter((other) => other.stageIndex === row.stageIndex);
    for (const other of stage.toReversed()) {
      if (other.ordinal >= row.ordinal) continue;
      yield other;
      if (other.keyword === "FROM" && other.reads !== null) yield* this.fromBottom(other.reads);
    }
  }

  /** Rows of a stage from the last one up, and on through the stage it is FROM. */
  *fromBottom(stageIndex: number): Generator<RowFacts> {
    const last = this.#rows.findLast((row) => row.stageIndex === stageIndex);
    if (last === undefined) return;
    yield last;
    yield* this.above(last);
  }

  /** What instructions that are gone took with them, those between a row and the one above it that `stops` holds. */
  removedAbove(
    row: RowFacts,
    wants: (gone: RowFacts) => boolean,
    stops: (above: RowFacts) => boolean,
  ): Change[] {
    const changes: Change[] = [];
    const take = (at: RowFacts) => {
      const gone = this.#alignment.removedAbove.get(at.id) ?? [];
      changes.push(...gone.filter(wants).flatMap((old) => this.#removal(old, row)));
    };
    take(row);
    for (const above of this.above(row)) {
      if (stops(above) || above.stageIndex !== row.stageIndex) break;
      take(above);
    }
    return changes;
  }

  /** Why a variable that a row sees has moved; empty: nothing here tells. */
  variableRoots(name: string, seenBy: RowFacts): readonly Change[] {
    for (const row of this.above(seenBy)) {
      const isSet = row.keyword !== "FROM" && row.variables.some((variable) => variable.name === name);
      if (!isSet) continue;
      const edits = this.of(row);
      const own = edits.filter((change) => change.subject === name);
      return own.length > 0 ? own : edits;
    }
    return [...this.above(seenBy)]
      .filter((row) => row.keyword === "FROM" && row.base !== null)
      .flatMap((row) => this.of(row));
  }

  /** Roots of the variables that an instruction names and that have moved. */
  mentionedRoots(row: RowFacts): Change[] {
    const names = new Set([...this.above(row)].flatMap(({ variables }) => variables.map(({ name }) => name)));
    const moved = [...names].filter((name) => mentions(row.written, name));
    return unique(moved.flatMap((name) => this.variableRoots(name, row)));
  }

  #ofFrom(row: RowFacts): readonly Change[] {
    const old = this.partner(row.id);
    if (old === undefined) return [added(row)];
    if (old.base === null || row.base === null) return old.written === row.written ? [] : [edited(old, row)];
    if (old.base.image === row.base.image) return [];
    const globals = variableChanges(old, row, "arg").filter(({ subject }) => mentions(row.written, subject));
    if (old.written === row.written && old.base.name !== row.base.name && globals.length > 0) return globals;
    const before = old.base.name === row.base.name ? old.base.image : `${old.base.name} ${old.base.image}`;
    return [{ kind: "base", subject: row.base.name, old: before, new: row.base.image }];
  }

  #ofInstruction(row: RowFacts): readonly Change[] {
    const old = this.partner(row.id);
    const kind = variableKind(row);
    if (old === undefined) {
      const set = kind === undefined ? [] : row.variables.filter(({ value }) => value !== null);
      if (kind === undefined || set.length === 0) return [added(row)];
      return set.map((variable) => ({ kind, subject: variable.name, old: null, new: shown(variable) }));
    }
    const variables = kind === undefined ? [] : variableChanges(old, row, kind);
    if (old.written !== row.written) {
      if (variables.length > 0) return variables;
      return old.effective === row.effective ? [] : [edited(old, row)];
    }
    // What a RUN is after expansion holds its ARGs: its key tells more exactly.
    if (old.effective === row.effective || row.keyword === "RUN") return [];
    const roots = this.mentionedRoots(row);
    return roots.length > 0 ? roots : variables;
  }

  #removal(gone: RowFacts, above: RowFacts): Change[] {
    const kind = variableKind(gone);
    const set = kind === undefined ? [] : gone.variables.filter(({ value }) => value !== null);
    if (kind === undefined || set.length === 0) {
      return [{ kind: "instruction", subject: gone.keyword, old: gone.written, new: null }];
    }
    const inScope = [above, ...this.above(above)].filter(({ keyword }) => keyword !== "FROM");
    return set
      .filter(({ name }) => !inScope.some(({ variables }) => variables.some((other) => other.name === name)))
      .map((variable) => ({ kind, subject: variable.name, old: shown(variable), new: null }));
  }
}

/** Each change once. */
export function unique(changes: readonly Change[]): Change[] {
  const seen = new Map(changes.map((change) => [JSON.stringify(change), change]));
  return [...seen.values()];
}

function variableKind({ keyword }: RowFacts): "arg" | "env" | undefined {
  return keyword === "ARG" ? "arg" : keyword === "ENV" ? "env" : undefined;
}

function variableChanges(old: RowFacts, row: RowFacts, kind: "arg" | "env"): Change[] {
  const before = new Map(old.variables.map((variable) => [variable.name, variable]));
  const after = new Map(row.variables.map((variable) => [variable.name, variable]));
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((name) => {
    const [was, is] = [before.get(name), after.get(name)];
    if ((was?.value ?? null) === (is?.value ?? null)) return [];
    return [{ kind, subject: name, old: shown(was), new: shown(is) }];
  });
}

function shown(variable: RowVariable | undefined): string | null {
  return variable?.redacted === true ? "(hidden)" : (variable?.value ?? null);
}

function added(row: RowFacts): Change {
  return { kind: "instruction", subject: row.keyword, old: null, new: row.written };
}

function edited(old: RowFacts, row: RowFacts): Change {
  return { kind: "instruction", subject: row.keyword, old: old.written, new: row.written };
}
