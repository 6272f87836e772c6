import type { CaseOutcome } from "./run-case.ts";

/** What the first part of a case's name stands for. */
const TOPICS: Readonly<Record<string, string>> = {
  add: "ADD",
  arg: "ARG",
  bh: "buildah's and kaniko's cases",
  cf: "image config",
  cp: "COPY",
  di: ".dockerignore",
  exp: "expansion",
  hd: "heredocs",
  ly: "layers",
  ms: "stages",
  ob: "ONBUILD",
  par: "parent images",
  px: "parsing",
  run: "RUN",
  user: "USER",
  wd: "WORKDIR",
};

const WORDS = ["passed", "failed", "not yet", "excepted"] as const;
type Word = (typeof WORDS)[number];
type Counts = Record<Word, number>;

export interface Verdict {
  readonly word: Word;
  readonly because: string;
  /** What a test has to complain about. */
  readonly complaints: readonly string[];
}

/**
 * `beyond`: features that the case needs and this version does not promise. `excepted`: the reason that exceptions.json
 * gives; it has to go once the case passes.
 */
export function judge(
  outcome: CaseOutcome,
  beyond: readonly string[],
  excepted: string | undefined,
): Verdict {
  if (outcome.problems.length === 0) {
    const stale = excepted === undefined ? [] : ["passes by now: remove it from exceptions.json"];
    return { word: "passed", because: "", complaints: stale };
  }
  if (excepted !== undefined) return { word: "excepted", because: excepted, complaints: [] };
  if (beyond.length > 0) return { word: "not yet", because: `not yet: ${beyond.join(", ")}`, complaints: [] };
  const equal = outcome.variant === undefined ? [] : [`(this is what ${outcome.variant} does)`];
  return { word: "failed", because: "", complaints: [...outcome.problems, ...equal] };
}

/** Counts of a run, a row a topic, and the failures at the end. */
export class Tally {
  readonly #rows = new Map<string, Counts>();
  readonly #failures: string[] = [];
  readonly #variants: string[] = [];
  #texts: [equal: number, recorded: number] = [0, 0];

  add(name: string, outcome: CaseOutcome, verdict: Verdict): void {
    const prefix = name.split("-")[0] ?? name;
    const topic = TOPICS[prefix] ?? prefix;
    const row = this.#rows.get(topic) ?? noCounts();
    row[verdict.word] += 1;
    this.#rows.set(topic, row);
    this.#texts = [this.#texts[0] + outcome.texts[0], this.#texts[1] + outcome.texts[1]];
    if (verdict.word === "failed") this.#failures.push(`${name}: ${outcome.problems[0]}`);
    if (outcome.variant !== undefined) this.#variants.push(`${name} (${outcome.variant})`);
  }

  table(): string {
    const rows = [...this.#rows].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const total = noCounts();
    for (const [, row] of rows) for (const word of WORDS) total[word] += row[word];
    return [
      line("topic", WORDS),
      ...rows.map(([name, row]) => line(name, Object.values(row))),
      line("all", Object.values(total)),
      `  history texts equal to the recorded ones: ${this.#texts[0]} of ${this.#texts[1]}`,
      ...(this.#variants.length > 0
        ? [`  as another builder does: ${this.#variants.toSorted().join(", ")}`]
        : []),
      ...this.#failures.toSorted().map((failure) => `  failed  ${failure}`),
    ].join("\n");
  }
}

function noCounts(): Counts {
  return { passed: 0, failed: 0, "not yet": 0, excepted: 0 };
}

function line(name: string, cells: readonly (string | number)[]): string {
  return `  ${name.padEnd(30)}${cells.map((cell) => String(cell).padStart(9)).join("")}`;
}
