import { openContextSource } from "../context/context-source.ts";
import { openContext } from "../context/context-tree.ts";
import { GitIgnore } from "../context/git-ignore.ts";
import { type IgnoreRule, type IgnoreRules, NO_RULES } from "../context/ignore-file.ts";
import { type UnwantedKind, unwantedKind } from "../context/unwanted-names.ts";
import { explainIgnore, type IgnoreReason } from "../context/why.ts";
import {
  type BytePath,
  compareBytes,
  decodePath,
  encodePath,
  joinPath,
  parentOf,
  ROOT_PATH,
} from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { FileFacts, FileTree, FileType } from "../core/file-tree.ts";
import type { PathVerdict } from "../core/pattern/pattern-set.ts";
import { isRemoteContext } from "./remote-context.ts";
import type { Workshop } from "./workshop.ts";

export interface ContextQuestion {
  /** A folder, or `-` for an archive on standard input. */
  readonly context: string;
  readonly dockerfile?: string | undefined;
  readonly stdin: AsyncIterable<Uint8Array>;
}

/** A file, symlink or other thing that a build of this context sees. */
export interface SentFile {
  readonly path: string;
  readonly type: FileType;
  readonly bytes: number;
}

/** The topmost path of what the ignore file leaves out. */
export interface LeftOut {
  readonly path: string;
  readonly isDir: boolean;
  readonly rule: IgnoreRule;
}

/** Something a person may not have meant. `bytes`: what it adds to the context. */
export interface ContextFinding {
  readonly kind: UnwantedKind | "gitignored" | "unused-rule";
  /** Of the context; for an unused rule the ignore file. */
  readonly path: string;
  readonly bytes: number;
  readonly files: number;
  readonly rule?: IgnoreRule;
}

export interface FolderSum {
  /** A folder of the context's top; `.` for the files directly in it. */
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
}

export interface ContextSurvey {
  readonly ignoreFile: string | null;
  /** In byte order of their paths. */
  readonly files: readonly SentFile[];
  readonly bytes: number;
  readonly leftOut: readonly LeftOut[];
  /** Largest first. */
  readonly folders: readonly FolderSum[];
  readonly findings: readonly ContextFinding[];
}

/** All that a build would see of a context, what it would not, and what looks like a slip. Reads names, and no contents. */
export async function surveyContext(question: ContextQuestion, shop: Workshop): Promise<ContextSurvey> {
  return await withContext(question, shop, (tree, rules) => {
    const found = walk(tree, rules);
    const sent = found.filter((entry) => entry.isSent && entry.facts.type !== "dir");
    const files = sent.map(({ path, facts }) => ({
      path: decodePath(path),
      type: facts.type,
      bytes: facts.size,
    }));
    return {
      ignoreFile: rules.file,
      files,
      bytes: sent.reduce((sum, { facts }) => sum + facts.size, 0),
      leftOut: found.flatMap((entry) => leftOut(entry, rules)),
      folders: sumFolders(sent),
      findings: [...unwanted(sent), ...gitIgnored(sent, tree), ...unusedRules(found, rules)],
    };
  });
}

/** Why each of these paths is or is not part of a context. Throws `context/file-not-found` where there is no such path. */
export async function whySent(
  question: ContextQuestion,
  paths: readonly string[],
  shop: Workshop,
): Promise<readonly (IgnoreReason & { readonly path: string; readonly ignoreFile: string | null })[]> {
  return await withContext(question, shop, (tree, rules) =>
    paths.map((written) => {
      const path = encodePath(written);
      if (tree.facts(path) === undefined) {
        throw new BuildError(
          "context/file-not-found",
          `there is no ${decodePath(path)} in ${question.context}`,
          {
            hint: "Paths begin at the context's root.",
          },
        );
      }
      return { ...explainIgnore(rules, path), path: decodePath(path), ignoreFile: rules.file };
    }),
  );
}

/** With the whole context, nothing left out, and the rules beside it. */
async function withContext<T>(
  { context, dockerfile, stdin }: ContextQuestion,
  shop: Workshop,
  look: (tree: FileTree, rules: IgnoreRules) => T,
): Promise<T> {
  using lease = shop.store.openLease("context");
  const fetched = isRemoteContext(context)
    ? await (await import("./fetch-context.ts")).fetchContext(context, {
        shop,
        lease,
        build: { context },
        emit: () => undefined,
        signal: new AbortController().signal,
      })
    : undefined;
  using source = await openContextSource({
    path: fetched?.shown ?? context,
    fetched: fetched?.source,
    dockerfile,
    stdin,
    extractTar: async (archive, dir) => (await import("./extract-archive.ts")).extractArchive(archive, dir),
    tempRoot: lease.dir,
    clock: shop.clock,
  });
  using tree = openContext({ root: source.root, ignore: NO_RULES, clock: shop.clock });
  return look(tree, source.ignore);
}

interface Seen {
  readonly path: BytePath;
  readonly facts: FileFacts;
  /** For a directory: something in it is sent, or nothing excludes it. */
  readonly isSent: boolean;
  /** Place in the rules of the one that decided; -1 where none did. */
  readonly decidedBy: number;
  /** The directory above is not sent either. */
  readonly isBelowLeftOut: boolean;
}

/** Everything but what is below a directory that no exception reaches into, in byte order. */
function walk(tree: FileTree, rules: IgnoreRules): readonly Seen[] {
  const met: { path: BytePath; facts: FileFacts; verdict: PathVerdict }[] = [];
  const sentDirs = new Set<BytePath>([ROOT_PATH]);
  const open: { dir: BytePath; verdict: PathVerdict }[] = [{ dir: ROOT_PATH, verdict: rules.set.root }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const name of tree.names(next.dir)) {
      const path = joinPath(next.dir, name);
      const facts = tree.facts(path);
      if (facts === undefined) continue;
      const verdict = rules.set.enter(next.verdict, path);
      met.push({ path, facts, verdict });
      if (!verdict.excluded) markSent(path, facts, sentDirs);
      if (facts.type === "dir" && !rules.set.canPrune(verdict, path)) open.push({ dir: path, verdict });
    }
  }
  const isSent = (path: BytePath, isDir: boolean, excluded: boolean) =>
    isDir ? sentDirs.has(path) : !excluded;
  return met
    .toSorted((a, b) => compareBytes(a.path, b.path))
    .map(({ path, facts, verdict }) => ({
      path,
      facts,
      isSent: isSent(path, facts.type === "dir", verdict.excluded),
      decidedBy: rules.set.patterns[verdict.decidedBy]?.index ?? -1,
      isBelowLeftOut: !sentDirs.has(parentOf(path)),
    }));
}

function markSent(path: BytePath, facts: FileFacts, sentDirs: Set<BytePath>): void {
  for (let dir = facts.type === "dir" ? path : parentOf(path); !sentDirs.has(dir); dir = parentOf(dir)) {
    sentDirs.add(dir);
  }
}

function leftOut(entry: Seen, rules: IgnoreRules): LeftOut[] {
  const rule = rules.rules[entry.decidedBy];
  if (entry.isSent || entry.isBelowLeftOut || rule === undefined) return [];
  return [{ path: decodePath(entry.path), isDir: entry.facts.type === "dir", rule }];
}

function sumFolders(sent: readonly Seen[]): readonly FolderSum[] {
  const sums = new Map<string, { files: number; bytes: number }>();
  for (const { path, facts } of sent)
    add(sums, path.includes("/") ? (path.split("/", 1)[0] ?? ".") : ".", facts);
  return [...sums]
    .map(([path, sum]) => ({ path: decodePath(path), ...sum }))
    .toSorted((a, b) => b.bytes - a.bytes || compareBytes(a.path, b.path));
}

function add(sums: Map<string, { files: number; bytes: number }>, key: string, facts: FileFacts): void {
  const sum = sums.get(key) ?? { files: 0, bytes: 0 };
  sums.set(key, { files: sum.files + 1, bytes: sum.bytes + facts.size });
}

/** Named after the topmost thing of the kind: `.git`, not each object in it. */
function unwanted(sent: readonly Seen[]): ContextFinding[] {
  const kinds = new Map<string, UnwantedKind>();
  const sums = new Map<string, { files: number; bytes: number }>();
  for (const { path, facts } of sent) {
    const found = leadingPaths(path).find((at) => unwantedKind(at, at !== path) !== undefined);
    const kind = found === undefined ? undefined : unwantedKind(found, found !== path);
    if (found === undefined || kind === undefined) continue;
    kinds.set(found, kind);
    add(sums, found, facts);
  }
  return toFindings(sums, (path) => kinds.get(path) ?? "secret");
}

function gitIgnored(sent: readonly Seen[], tree: FileTree): ContextFinding[] {
  const git = new GitIgnore(tree);
  const sums = new Map<string, { files: number; bytes: number }>();
  for (const { path, facts } of sent) {
    const at = git.ignoredAt(path, false);
    if (at !== undefined) add(sums, at, facts);
  }
  return toFindings(sums, () => "gitignored");
}

function toFindings(
  sums: ReadonlyMap<string, { readonly files: number; readonly bytes: number }>,
  kindOf: (path: string) => ContextFinding["kind"],
): ContextFinding[] {
  return [...sums].map(([path, sum]) => ({ kind: kindOf(path), path: decodePath(path), ...sum }));
}

/** A rule that decided about nothing that is there: often a slip. One that stands by for what may come is one too. */
function unusedRules(found: readonly Seen[], { file, rules }: IgnoreRules): ContextFinding[] {
  const used = new Set(found.map(({ decidedBy }) => decidedBy));
  return rules.flatMap((rule, i) =>
    used.has(i) ? [] : [{ kind: "unused-rule" as const, path: file ?? "", bytes: 0, files: 0, rule }],
  );
}

function leadingPaths(path: BytePath): readonly BytePath[] {
  const found: BytePath[] = [];
  for (let at = path; at !== ""; at = parentOf(at)) found.push(at);
  return found.toReversed();
}
