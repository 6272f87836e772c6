import { mentions } from "../cache-key/row-facts.ts";
import type { CacheKey, Change, KeyInput, KeyInputKind } from "../core/cache-key.ts";
import { BuildError } from "../core/errors.ts";
import type { StepOutcome } from "../core/events.ts";
import { timeOfId } from "../host/sortable-id.ts";
import type { Store } from "../store/store.ts";
import { findBuild, readBuild } from "./recorded-build.ts";
import { maskSecrets } from "./row-facts-of.ts";
import type { BuiltStep } from "./types.ts";

export interface ExplainedStep {
  readonly stage: string | null;
  readonly line: number;
  readonly ordinal: number;
  readonly total: number;
  /** As written; values of secret-looking variables masked. */
  readonly instruction: string;
  readonly result: StepOutcome;
  /** False: it only follows from another step. */
  readonly rootCause: boolean;
  readonly changes: readonly Change[];
  /** What would have kept the hit. */
  readonly hint: string | null;
  /** Milliseconds since 1970 of the record that was hit; null where nothing was. */
  readonly hitMadeMs: number | null;
  /** Inputs of the key that a hit found equal, or that a miss did not move; null: a row without a key. */
  readonly equalInputs: readonly string[] | null;
}

export interface Explanation {
  readonly build: string;
  readonly startedMs: number;
  /** The earlier build that the misses were compared with, and when it was. */
  readonly compared: string | null;
  readonly comparedMs: number | null;
  readonly steps: readonly ExplainedStep[];
}

/** Why each step of a recorded build hit or missed: the latest, or the one whose id (or the beginning of it) is given. */
export function explainBuild(id: string | undefined, store: Store): Explanation {
  const found = findBuild(id, store);
  const build = found === undefined ? undefined : readBuild(found, store);
  if (build === undefined) {
    const message = id === undefined ? "nothing was built here yet" : `there is no record of a build ${id}`;
    throw new BuildError("cli/usage", message, {
      hint: id === undefined ? "Build something first: tsbuild -t NAME ." : "See tsbuild builds ls.",
    });
  }
  const { record, keys } = build;
  const compared = record.compared ?? null;
  return {
    build: record.id,
    startedMs: timeOfId(record.id),
    compared,
    comparedMs: compared === null ? null : timeOfId(compared),
    steps: record.steps.map((step) => explainStep(step, keys[step.id], store)),
  };
}

function explainStep(step: BuiltStep, key: CacheKey | undefined, store: Store): ExplainedStep {
  const { stage, line, ordinal, total, result, cache } = step;
  const changes = cache.status === "miss" ? cache.reasons : [];
  const rootCause = changes.some(({ kind }) => kind !== "parent");
  const made = result === "HIT" && key !== undefined ? store.records.get(key.id)?.created : undefined;
  return {
    stage,
    line,
    ordinal,
    total,
    instruction: maskSecrets(step.instruction),
    result,
    rootCause,
    changes,
    hint: rootCause ? hintFor(step, changes) : null,
    hitMadeMs: made === undefined ? null : Date.parse(made),
    equalInputs: key === undefined ? null : equalInputs(key, changes),
  };
}

/** Inputs that stayed, by names that people know; those that an instruction implies (its directory, its user) are left out. */
function equalInputs(key: CacheKey, changes: readonly Change[]): readonly string[] {
  const subjects = new Set(changes.map(({ subject }) => subject));
  const kinds = new Set(changes.map(({ kind }) => kind));
  return key.inputs.flatMap((input) => {
    if (subjects.has(input.subject) || input.subject === "(order)") return [];
    if (input.kind === "files" && changes.some((change) => isBelow(change.subject, input.subject))) return [];
    if (ALSO_MOVED_BY[input.kind]?.some((kind) => kinds.has(kind)) === true) return [];
    const name = NAME_OF[input.kind]?.(input);
    return name === undefined ? [] : [name];
  });
}

const ALSO_MOVED_BY: Partial<Record<KeyInputKind, readonly Change["kind"][]>> = {
  parent: ["parent", "base"],
  base: ["parent", "base"],
  instruction: ["instruction"],
};

const NAME_OF: Partial<Record<KeyInputKind, (input: KeyInput) => string>> = {
  args: ({ subject }) => `ARG ${subject}`,
  env: ({ subject }) => `ENV ${subject}`,
  files: ({ subject }) => subject,
  parent: ({ subject }) => `${subject}'s files`,
  base: ({ subject }) => `base ${subject.replace(/^FROM /, "")}`,
  platform: ({ value }) => `platform ${value}`,
  instruction: () => "instruction",
};

function isBelow(path: string, folder: string): boolean {
  return folder === "." || folder === "/" || path === folder || path.startsWith(`${folder}/`);
}

/** Folders that hardly ever belong in an image, and change all the time. */
const NOISE = /^(?:.*\/)?(\.git|node_modules|__pycache__|\.venv|\.DS_Store)(?:\/|$)/;

function hintFor({ instruction, seconds, result }: BuiltStep, changes: readonly Change[]): string | null {
  const own = changes.filter(({ kind }) => kind !== "parent");
  const saved = seconds === null || seconds < 0.1 ? "" : `, which took ${seconds.toFixed(1)} s,`;
  const noise = own.map(({ subject }) => NOISE.exec(subject)?.[1]);
  const [name] = noise;
  if (name !== undefined && noise.every((other) => other === name)) {
    return `a line **/${name} in .dockerignore would have kept this step${saved} a HIT`;
  }
  const args = own.filter(({ kind }) => kind === "arg");
  const unused = args.filter(({ subject }) => !mentions(instruction, subject));
  if (
    result === "MISS" &&
    /^\s*run\b/i.test(instruction) &&
    args.length === own.length &&
    unused.length === own.length &&
    own.length === changes.length
  ) {
    return `this command does not name ${unused.map(({ subject }) => subject).join(", ")}: with the ARG below it this step${saved} would have been a HIT`;
  }
  if (own.every(({ kind }) => kind === "file-mode"))
    return `--chmod on the COPY would make the step${saved} independent of the files' own modes`;
  return null;
}
