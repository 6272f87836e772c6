import { mentions } from "../cache-key/row-facts.ts";
import type { Change } from "../core/cache-key.ts";
import type { BuiltStep } from "./types.ts";

/** A step that moved, with the build it is of. */
interface Moved {
  readonly step: BuiltStep;
  readonly changes: readonly Change[];
  readonly steps: readonly BuiltStep[];
}

/** What would have kept a hit, in a sentence with the seconds it would have saved; null where nothing is known to. */
export function hintFor(
  step: BuiltStep,
  changes: readonly Change[],
  steps: readonly BuiltStep[],
): string | null {
  if (step.result === "FAIL") return failedHint(step);
  const moved = { step, changes: changes.filter(({ kind }) => kind !== "parent"), steps };
  if (moved.changes.length === 0) return null;
  return noiseHint(moved) ?? argHint(moved, changes) ?? modeHint(moved) ?? splitHint(moved);
}

function failedHint({ instruction, ordinal }: BuiltStep): string | null {
  return /^\s*run\b/i.test(instruction)
    ? `what stands above is kept: the next build begins here; all that it printed: tsbuild builds logs --step ${ordinal}`
    : null;
}

/** Folders and files that hardly ever belong in an image, and change all the time. */
const NOISE =
  /^(?:.*\/)?(\.git|node_modules|__pycache__|\.venv|\.idea|\.vscode|\.DS_Store|coverage)(?:\/|$)|^(?:.*\/)?[^/]+(\.log|\.swp|\.tmp|\.pyc)$/;

function noiseHint({ step, changes, steps }: Moved): string | null {
  const patterns = changes.map(({ kind, subject }) => {
    const [, folder, ending] = (kind.startsWith("file-") && NOISE.exec(subject)) || [];
    return folder ?? (ending === undefined ? undefined : `*${ending}`);
  });
  const [first] = patterns;
  if (first === undefined || patterns.some((other) => other !== first)) return null;
  return `a line **/${first} in .dockerignore would have kept this step a HIT${saving(secondsOf([step, ...followers(step, steps)]))}`;
}

/** An ARG in scope is part of each RUN's key, used or not. */
function argHint({ step, changes, steps }: Moved, all: readonly Change[]): string | null {
  const isAlone = all.length === changes.length && changes.every(({ kind }) => kind === "arg");
  if (!isAlone || !/^\s*run\b/i.test(step.instruction)) return null;
  const names = changes.map(({ subject }) => subject);
  if (step.result !== "MISS" || names.some((name) => mentions(step.instruction, name))) return null;
  const below = rowsBelow(step, steps);
  const user = below.find(({ instruction }) => names.some((name) => usesArg(instruction, name)));
  const free = below.slice(0, user === undefined ? below.length : below.indexOf(user));
  const kept = [step, ...free.filter(isMissedRun)];
  const last = kept.at(-1) ?? step;
  const use = user === undefined ? "no instruction uses" : `step ${user.ordinal} is the first to use`;
  return `${use} ${names.join(", ")}: with the ARG below step ${last.ordinal}, ${kept.length === 1 ? "this step" : `steps ${step.ordinal} to ${last.ordinal}`} would have been a HIT${saving(secondsOf(kept))}`;
}

function usesArg(instruction: string, name: string): boolean {
  return !/^\s*arg\b/i.test(instruction) && mentions(instruction, name);
}

function modeHint({ step, changes, steps }: Moved): string | null {
  if (!/^\s*(copy|add)\b/i.test(step.instruction) || changes.some(({ kind }) => kind !== "file-mode"))
    return null;
  return `with --chmod on it the files' own modes would not be in the image, and what stands below would have been a HIT${saving(secondsOf(followers(step, steps)))}`;
}

/** Commands that fetch what a few files name, and those files. */
const FETCHES: readonly (readonly [command: RegExp, files: string, isOne: RegExp])[] = [
  [
    /\b(?:npm (?:ci|i|install)|pnpm i(?:nstall)?|yarn(?: install)?)\b/,
    "package*.json",
    /(?:^|\/)(?:package|package-lock)\.json$|lock\.ya?ml$|yarn\.lock$/,
  ],
  [/\bpip3? install\b.*-r\b/, "requirements.txt", /requirements.*\.txt$/],
  [/\bgo mod download\b/, "go.mod go.sum", /(?:^|\/)go\.(?:mod|sum)$/],
  [/\bcargo (?:fetch|build)\b/, "Cargo.toml Cargo.lock", /(?:^|\/)Cargo\.(?:toml|lock)$/],
  [/\bbundle install\b/, "Gemfile Gemfile.lock", /(?:^|\/)Gemfile(?:\.lock)?$/],
  [/\bcomposer install\b/, "composer.json composer.lock", /(?:^|\/)composer\.(?:json|lock)$/],
];

/** A COPY of everything above a command that needs only a few of the files. */
function splitHint({ step, changes, steps }: Moved): string | null {
  if (!/^\s*copy\b/i.test(step.instruction) || changes.some(({ kind }) => !kind.startsWith("file-")))
    return null;
  for (const run of followers(step, steps)) {
    const fetch = FETCHES.find(([command]) => command.test(run.instruction));
    if (fetch === undefined || changes.some(({ subject }) => fetch[2].test(subject))) continue;
    return `split it: COPY ${fetch[1]} above step ${run.ordinal} and the rest below would have kept that step a HIT${saving(secondsOf([run]))}`;
  }
  return null;
}

function rowsBelow(step: BuiltStep, steps: readonly BuiltStep[]): readonly BuiltStep[] {
  return steps.filter(({ stageIndex, ordinal }) => stageIndex === step.stageIndex && ordinal > step.ordinal);
}

function isMissedRun({ result, instruction }: BuiltStep): boolean {
  return result === "MISS" && /^\s*run\b/i.test(instruction);
}

/** RUNs of the same stage that missed for no reason of their own but this step. */
function followers(step: BuiltStep, steps: readonly BuiltStep[]): readonly BuiltStep[] {
  return rowsBelow(step, steps).filter(
    (row) =>
      isMissedRun(row) &&
      row.cache.status === "miss" &&
      row.cache.reasons.every(({ kind, subject }) => kind === "parent" && subject === `step ${step.ordinal}`),
  );
}

function secondsOf(steps: readonly BuiltStep[]): number {
  return steps.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0);
}

function saving(seconds: number): string {
  return seconds < 0.1 ? "" : ` and saved ${seconds.toFixed(1)} s`;
}
