import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { CacheKey, Change, KeyInput, KeyInputKind } from "../core/cache-key.ts";
import { BuildError } from "../core/errors.ts";
import type { StepOutcome } from "../core/events.ts";
import { timeOfId } from "../host/sortable-id.ts";
import type { Store } from "../store/store.ts";
import { compareRecords } from "./compare-records.ts";
import { hintFor } from "./explain-hints.ts";
import { findBuild, type RecordedBuild, readBuild } from "./recorded-build.ts";
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
  /** On a hit: a source that is newer than the result that was hit. Times are no part of a key. */
  readonly newerSource: string | null;
}

export interface Explanation {
  readonly build: string;
  readonly startedMs: number;
  /** The earlier build that the misses were compared with, and when it was. */
  readonly compared: string | null;
  readonly comparedMs: number | null;
  /** Two builds were asked for: changes are what moved between them, hits included. */
  readonly isComparison: boolean;
  readonly steps: readonly ExplainedStep[];
}

/**
 * Why each step of a recorded build hit or missed: the latest, or the one whose id (or the beginning of it) is given. With
 * `against`, what moved between that build and this one instead.
 */
export function explainBuild(id: string | undefined, store: Store, against?: string): Explanation {
  const build = requireRecorded(id, store);
  const { record } = build;
  const before = against === undefined ? undefined : requireRecorded(against, store);
  const moved = before === undefined ? undefined : compareRecords(before, build, store);
  const compared = before?.record.id ?? record.compared ?? null;
  return {
    build: record.id,
    startedMs: timeOfId(record.id),
    compared,
    comparedMs: compared === null ? null : timeOfId(compared),
    isComparison: before !== undefined,
    steps: record.steps.map((step) => {
      const changes = moved === undefined ? reasonsOf(step) : (moved.get(step.id) ?? []);
      return explainStep(step, changes, { build, store });
    }),
  };
}

function requireRecorded(id: string | undefined, store: Store): RecordedBuild {
  const found = findBuild(id, store);
  const build = found === undefined ? undefined : readBuild(found, store);
  if (build !== undefined) return build;
  const message = id === undefined ? "nothing was built here yet" : `there is no record of a build ${id}`;
  throw new BuildError("cli/usage", message, {
    hint: id === undefined ? "Build something first: tsbuild -t NAME ." : "See tsbuild builds ls.",
  });
}

function reasonsOf({ cache }: BuiltStep): readonly Change[] {
  return cache.status === "miss" ? cache.reasons : [];
}

function explainStep(
  step: BuiltStep,
  changes: readonly Change[],
  { build, store }: { readonly build: RecordedBuild; readonly store: Store },
): ExplainedStep {
  const { stage, line, ordinal, total, result } = step;
  const key = build.keys[step.id];
  const rootCause = changes.some(({ kind }) => kind !== "parent");
  const made = result === "HIT" && key !== undefined ? store.records.get(key.id)?.created : undefined;
  const hitMadeMs = made === undefined ? null : Date.parse(made);
  return {
    stage,
    line,
    ordinal,
    total,
    instruction: maskSecrets(step.instruction),
    result,
    rootCause,
    changes,
    hint:
      (rootCause && result === "MISS") || result === "FAIL"
        ? hintFor(step, changes, build.record.steps)
        : null,
    hitMadeMs,
    equalInputs: key === undefined ? null : equalInputs(key, changes),
    newerSource: key === undefined || hitMadeMs === null ? null : newerSource(key, hitMadeMs, build),
  };
}

/** Files looked at for a newer one. */
const MAX_FILES = 2000;

/** The first source in the context that was written between the result that was hit and the build. */
function newerSource(key: CacheKey, madeMs: number, { record }: RecordedBuild): string | null {
  if (record.context === "-") return null;
  const untilMs = timeOfId(record.id);
  const todo = key.inputs.flatMap(({ kind, subject }) => (kind === "files" ? [subject] : []));
  for (let looked = 0; todo.length > 0 && looked < MAX_FILES; looked += 1) {
    const path = todo.shift() ?? "";
    const stat = statSync(join(record.context, path), { throwIfNoEntry: false });
    if (stat?.isFile() === true && stat.mtimeMs > madeMs && stat.mtimeMs <= untilMs) return path;
    if (stat?.isDirectory() === true) {
      todo.push(...readdirSync(join(record.context, path)).map((name) => join(path, name)));
    }
  }
  return null;
}

/** Inputs that stayed, by names that people know; those that an instruction implies (its directory, its user) are left out. */
function equalInputs(key: CacheKey, changes: readonly Change[]): readonly string[] {
  const subjects = new Set(changes.map(({ subject }) => subject));
  const kinds = new Set(changes.map(({ kind }) => kind));
  return key.inputs.flatMap((input) => {
    if (subjects.has(input.subject) || input.subject === "(order)") return [];
    const isTree = input.kind === "files" || input.kind === "mount";
    if (isTree && changes.some((change) => isBelow(change.subject, input.subject))) return [];
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
  remote: ({ subject }) => subject,
  mount: ({ subject }) => subject,
  parent: ({ subject }) => `${subject}'s files`,
  base: ({ subject }) => `base ${subject.replace(/^FROM /, "")}`,
  platform: ({ value }) => `platform ${value}`,
  instruction: () => "instruction",
};

function isBelow(path: string, folder: string): boolean {
  return folder === "." || folder === "/" || path === folder || path.startsWith(`${folder}/`);
}
