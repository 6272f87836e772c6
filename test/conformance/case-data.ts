import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One recorded case, as ../shared/conformance/README.md describes the files. */
export interface ConformanceCase {
  readonly name: string;
  /** Of the case's files. */
  readonly folder: string;
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string | undefined;
  readonly prebuild: readonly { readonly tag: string; readonly dockerfile: string }[];
  readonly context: readonly ContextEntry[];
  readonly expected: Expected;
}

export interface ContextEntry {
  readonly path: string;
  readonly type: "file" | "dir" | "symlink" | "hardlink" | "fifo";
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly content?: string;
  readonly content_base64?: string;
  readonly content_repeat?: { readonly text: string; readonly count: number };
  readonly content_file?: string;
  readonly target?: string;
  readonly xattrs?: Readonly<Record<string, string>>;
}

export type Expected = ExpectedFailure | ExpectedImage;

export interface ExpectedFailure {
  readonly error: true;
  readonly message_hint?: string;
  readonly error_line?: number;
  readonly variants: Readonly<Record<string, Variant>>;
}

export interface ExpectedImage {
  readonly error: false;
  readonly config: Readonly<Record<string, unknown>>;
  readonly author: string | null;
  readonly architecture: string;
  readonly os: string;
  readonly base: string;
  readonly history: readonly { readonly created_by: string; readonly empty_layer: boolean }[];
  readonly history_count: number;
  readonly layer_count: number;
  readonly rootfs: { readonly entries: readonly ExpectedEntry[]; readonly removed: readonly string[] };
  readonly variants: Readonly<Record<string, Variant>>;
}

export interface ExpectedEntry {
  readonly path: string;
  readonly type: string;
  readonly mode?: string;
  readonly uid: number;
  readonly gid: number;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly xattrs?: Readonly<Record<string, string>>;
  readonly links?: readonly string[];
  readonly volatile?: boolean;
}

/** What another builder recorded: `same`, not run, or only what differs. */
export interface Variant {
  readonly status: "same" | "unsupported-syntax" | "differs";
  readonly error?: boolean;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly history?: ExpectedImage["history"];
  readonly history_count?: number;
  readonly layer_count?: number;
  readonly rootfs?: {
    readonly entries?: readonly ExpectedEntry[];
    readonly absent?: readonly string[];
    readonly removed?: readonly string[];
  };
}

export function loadCases(folder: string): readonly ConformanceCase[] {
  return readdirSync(folder)
    .toSorted()
    .map((name) => loadCase(join(folder, name), name));
}

function loadCase(folder: string, name: string): ConformanceCase {
  const about = readJson(join(folder, "case.json")) as {
    dockerfile: string;
    context: string;
    build_args?: Record<string, string>;
    labels?: Record<string, string>;
    target?: string;
    prebuild?: { tag: string; dockerfile: string }[];
  };
  return {
    name,
    folder,
    dockerfile: about.dockerfile,
    buildArgs: about.build_args ?? {},
    labels: about.labels ?? {},
    target: about.target,
    prebuild: about.prebuild ?? [],
    context: (readJson(join(folder, about.context)) as { entries: ContextEntry[] }).entries,
    expected: readJson(join(folder, "expected.json")) as Expected,
  };
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
