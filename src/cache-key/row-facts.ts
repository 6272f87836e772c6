/** A variable that an ARG or ENV row sets. `value` is null where it is declared only; secret-looking ones are a keyed hash. */
export interface RowVariable {
  readonly name: string;
  readonly value: string | null;
  readonly redacted?: boolean;
}

/** What is recorded of a row of a build, so that a later build's rows can be held against it. */
export interface RowFacts {
  /** `s0.2`. */
  readonly id: string;
  /** Its name, else its index as text. */
  readonly stage: string;
  readonly stageIndex: number;
  readonly ordinal: number;
  /** Upper case. */
  readonly keyword: string;
  /** The instruction on one line, as the person wrote it; values of secret-looking variables masked. */
  readonly written: string;
  /** After expansion, hashed: metadata rows are compared by it. */
  readonly effective: string;
  /** Of ARG and ENV; on FROM the ARGs above it. */
  readonly variables: readonly RowVariable[];
  /** On a FROM of an image: its name and id. */
  readonly base: { readonly name: string; readonly image: string } | null;
  /** The stage that FROM or `--from` reads. */
  readonly reads: number | null;
  /** It does work and has a key. */
  readonly isStep: boolean;
}

/** Whether an instruction names a variable: `$NAME` or `${NAME…}`. */
export function mentions(written: string, name: string): boolean {
  for (let at = written.indexOf(name); at >= 0; at = written.indexOf(name, at + 1)) {
    const before = written.slice(0, at);
    const after = written[at + name.length] ?? "";
    if (/\$\{?$/.test(before) && !/\w/.test(after)) return true;
  }
  return false;
}
