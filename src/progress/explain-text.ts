import type { Change } from "../core/cache-key.ts";
import { formatAge, formatCount, shortDigest } from "./format.ts";
import { type Paint, type Style } from "./paint.ts";
import { safeName } from "./safe-text.ts";

/** What `explain` knows of a step; times are milliseconds since 1970. */
export interface StepToExplain {
  readonly stage: string | null;
  readonly ordinal: number;
  readonly total: number;
  readonly instruction: string;
  readonly result: "HIT" | "MISS" | "SKIP" | "FAIL" | "CANCELED";
  readonly rootCause: boolean;
  readonly changes: readonly Change[];
  readonly hint: string | null;
  readonly hitMadeMs: number | null;
  readonly equalInputs: readonly string[] | null;
  readonly newerSource: string | null;
}

export interface ToExplain {
  readonly build: string;
  readonly startedMs: number;
  readonly comparedMs: number | null;
  /** Two builds side by side: changes are shown whether the step hit or missed. */
  readonly isComparison: boolean;
  readonly steps: readonly StepToExplain[];
}

const STYLES: Readonly<Record<StepToExplain["result"], Style>> = {
  HIT: "hit",
  MISS: "miss",
  SKIP: "skip",
  FAIL: "fail",
  CANCELED: "canceled",
};

const MAX_TITLE_COLUMNS = 56;
/** Values longer than this are cut: a person compares their beginnings. */
const MAX_VALUE_COLUMNS = 60;

/** A paragraph a step: the verdict, each input that moved old → new, what stayed the same, and a hint. */
export function explainLines(
  build: ToExplain,
  { nowMs, paint }: { readonly nowMs: number; readonly paint: Paint },
): string[] {
  const several = new Set(build.steps.map(({ stage }) => stage)).size > 1;
  const titles = build.steps.map((step) => titleOf(step, several));
  const width = Math.min(Math.max(0, ...titles.map((title) => title.length)), MAX_TITLE_COLUMNS);
  const compared =
    build.comparedMs === null ? "" : `, compared with the build of ${ago(nowMs - build.comparedMs)}`;
  const head = `build ${build.build} of ${ago(nowMs - build.startedMs)}${compared}`;
  return [
    paint("bold", head),
    ...build.steps.flatMap((step, index) =>
      stepLines(step, {
        title: titles[index] ?? "",
        width,
        nowMs,
        paint,
        isComparison: build.isComparison,
      }),
    ),
  ];
}

function titleOf(step: StepToExplain, several: boolean): string {
  const stage = several && step.stage !== null ? `${step.stage} ` : "";
  return `${stage}step ${step.ordinal}/${step.total}  ${safeName(step.instruction)}`;
}

interface StepFrame {
  readonly title: string;
  readonly width: number;
  readonly nowMs: number;
  readonly paint: Paint;
  readonly isComparison: boolean;
}

function stepLines(step: StepToExplain, { title, width, nowMs, paint, isComparison }: StepFrame): string[] {
  const shown = title.length > MAX_TITLE_COLUMNS ? `${title.slice(0, MAX_TITLE_COLUMNS - 1)}…` : title;
  const verdict = isComparison ? comparedVerdict(step) : verdictOf(step, nowMs);
  const lines = [
    `${shown.padEnd(width)}  ${paint(STYLES[step.result], step.result.padEnd(4))}${verdict === "" ? "" : `   ${verdict}`}`.trimEnd(),
  ];
  if (!(step.result === "MISS" || isComparison) || !step.rootCause)
    return [...lines, ...hintLines(step, paint)];
  const own = step.changes.filter(({ kind }) => kind !== "parent");
  const isTold = own.every(({ kind }) => kind in TOLD);
  if (!isTold) {
    const rows = own.map(cellsOf);
    const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
    lines.push(
      ...rows.map((row) =>
        `  ${row.map((cell, i) => (i < 3 ? cell.padEnd(widths[i] ?? 0) : cell)).join("  ")}`.trimEnd(),
      ),
    );
    if (step.equalInputs !== null && step.equalInputs.length > 0) {
      lines.push(paint("dim", `  same  ${step.equalInputs.map(safeName).join(", ")}`));
    }
  }
  const parents = step.changes.filter(({ kind }) => kind === "parent");
  if (parents.length > 0)
    lines.push(
      `  also  ${parents.map(({ subject }) => subject).join(", ")} changed${isComparison ? "" : "; it would miss on its own too"}`,
    );
  return [...lines, ...hintLines(step, paint)];
}

function hintLines({ hint }: StepToExplain, paint: Paint): string[] {
  return hint === null ? [] : [`  ${paint("hint", "hint:")} ${safeName(hint)}`];
}

function comparedVerdict(step: StepToExplain): string {
  const [first] = step.changes;
  if (first === undefined) return step.result === "SKIP" ? ENDED.SKIP : "as before";
  if (first.kind === "first-build") return "not in the other build";
  return missVerdict(step);
}

/** Kinds that the verdict says all about. */
const TOLD: Partial<Readonly<Record<Change["kind"], string>>> = {
  "first-build": "first build: nothing to compare with",
  "no-cache": "--no-cache was given",
  pruned: "its inputs are equal, but its result was pruned",
  expired: "its result had expired",
  "key-schema": "its inputs are equal, but this version makes keys by other rules",
};

function verdictOf(step: StepToExplain, nowMs: number): string {
  if (step.result === "MISS") return missVerdict(step);
  if (step.result !== "HIT") return ENDED[step.result];
  if (step.equalInputs === null) return "same as recorded before";
  const made = step.hitMadeMs === null ? "" : `, made ${ago(nowMs - step.hitMadeMs)}`;
  const newer =
    step.newerSource === null
      ? ""
      : `; ${safeName(step.newerSource)} is newer, but times are no part of the key`;
  return `${formatCount(step.equalInputs.length, "input")} equal${made}${newer}`;
}

const ENDED = {
  SKIP: "its stage was not needed",
  FAIL: "it failed, so nothing was recorded",
  CANCELED: "it was never reached or was stopped",
} as const;

function missVerdict({ rootCause, changes }: StepToExplain): string {
  const [first] = changes;
  if (first === undefined) return "";
  if (!rootCause) return `follows from ${first.subject} only`;
  return TOLD[first.kind] ?? "";
}

const WORDS: Partial<Readonly<Record<Change["kind"], readonly [what: string, how: string]>>> = {
  "file-content": ["file", "content"],
  "file-mode": ["file", "mode"],
  "file-type": ["file", "type"],
  "file-target": ["link", "target"],
  "file-owner": ["file", "owner"],
  "file-xattr": ["file", "xattrs"],
  "file-added": ["file", "added"],
  "file-removed": ["file", "removed"],
  "file-renamed": ["file", "renamed"],
  arg: ["ARG", ""],
  env: ["ENV", ""],
  base: ["base", ""],
};

function cellsOf(change: Change): string[] {
  const [what, how] = WORDS[change.kind] ?? [change.kind, ""];
  const subject = change.kind === "instruction" ? "" : safeName(change.subject);
  return [what, subject, how, movedText(change)];
}

function movedText({ kind, old, new: now }: Change): string {
  if (kind === "file-added" || kind === "file-removed") return shownValue(now ?? old, kind);
  if (old === "(hidden)" && now === "(hidden)") return "changed (its value is kept secret)";
  if (old === null && now === null) return "changed";
  return `${shownValue(old, kind)} → ${shownValue(now, kind)}`;
}

function shownValue(value: string | null, kind: Change["kind"]): string {
  if (value === null) return "(none)";
  const short = value.replaceAll(/sha256:[0-9a-f]{64}/g, (digest) => shortDigest(digest, 12));
  const cut = short.length > MAX_VALUE_COLUMNS ? `${short.slice(0, MAX_VALUE_COLUMNS - 1)}…` : short;
  return kind === "arg" || kind === "env"
    ? value === "(hidden)"
      ? value
      : `"${safeName(cut)}"`
    : safeName(cut);
}

function ago(ms: number): string {
  const text = formatAge(ms);
  return text.charAt(0).toLowerCase() + text.slice(1);
}
