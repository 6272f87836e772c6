import { resolve } from "node:path";
import { openContextSource } from "../context/context-source.ts";
import { openContext } from "../context/context-tree.ts";
import { type IgnoreRules } from "../context/ignore-file.ts";
import type { EmitEvent } from "../core/events.ts";
import type { FileTree } from "../core/file-tree.ts";
import { patternBytes } from "../core/pattern/runes.ts";
import type { SourceText } from "../core/source-range.ts";
import type { CopyOp } from "../core/step.ts";
import type { BuildPlan } from "../plan/types.ts";
import { readSources } from "../snapshot/copy-step.ts";
import { sourceReads } from "../steps/mount-sources.ts";
import { namedTrees } from "./build-contexts.ts";
import { explainMissingFile } from "./missing-file.ts";
import { isRemoteContext } from "./remote-context.ts";
import type { BuildOptions } from "./types.ts";
import type { Workshop } from "./workshop.ts";

/** What a build starts from: the Dockerfile, and the context as it is asked for. */
export interface BuildSource extends Disposable {
  readonly dockerfile: SourceText;
  /** Absolute path of the Dockerfile, or "-": what builds of one project have in common. */
  readonly identity: string;
  /** Absolute path of the context, "-", or its address without credentials. */
  readonly contextPath: string;
  /** The context's folder on the disk, also where it was unpacked from a tar. */
  readonly root: string;
  /** Of a named context; "": the context itself. Opened when it is first asked for. */
  tree(name: string): FileTree;
  /**
   * Whether .dockerignore leaves out a path of the context, by its patterns alone (BuildKit: validateCopySourcePath); undefined
   * without such a file, and where it takes something back in: what is below a directory then has to be looked at.
   */
  readonly isIgnored: ((path: string) => boolean) | undefined;
  /** Why a source that a COPY of the context names may be missing. */
  whyMissing(path: string, op: CopyOp): string;
  /** Looks at what the plan's COPYs and mounts read, and tells how much it is. A source that is missing is its step's to report. */
  measure(plan: BuildPlan, emit: EmitEvent): void;
}

export async function openSource(
  options: BuildOptions,
  shop: Workshop,
  on: { readonly emit: EmitEvent; readonly signal: AbortSignal },
): Promise<BuildSource> {
  using lease = shop.store.openLease("build");
  const fetched = isRemoteContext(options.context)
    ? await (await import("./fetch-context.ts")).fetchContext(options.context, {
        ...on,
        shop,
        lease,
        build: options,
      })
    : undefined;
  const source = await openContextSource({
    path: fetched?.shown ?? options.context,
    fetched: fetched?.source,
    dockerfile: options.dockerfile,
    stdin: options.stdin ?? emptyStream(),
    extractTar: async (archive, dir) => (await import("./extract-archive.ts")).extractArchive(archive, dir),
    tempRoot: lease.dir,
    clock: shop.clock,
  });
  const tree = openContext({
    root: source.root,
    ignore: source.ignore,
    home: source.isTemporary ? undefined : shop.home,
    clock: shop.clock,
  });
  const named = namedTrees(options.buildContexts ?? [], shop);
  const treeOf = (name: string) => (name === "" ? tree : named.open(name).tree);
  const contextPath = fetched?.shown ?? (options.context === "-" ? "-" : resolve(options.context));
  return {
    dockerfile: source.dockerfile,
    identity:
      fetched === undefined ? identityOf(options, contextPath) : `${contextPath}:${options.dockerfile ?? ""}`,
    contextPath,
    root: resolve(source.root),
    tree: treeOf,
    isIgnored: patternCheck(source.ignore),
    whyMissing: (path, op) => {
      const name = op.from.type === "context" ? op.from.name : "";
      const { ignore } = name === "" ? source : named.open(name);
      return explainMissingFile(path, { op, tree: treeOf(name), ignore });
    },
    measure: (plan, emit) => {
      for (const step of plan.steps.values()) {
        for (const { copy } of sourceReads(step.op)) {
          if (copy.from.type !== "context") continue;
          try {
            readSources(copy, treeOf(copy.from.name));
          } catch {
            // The step itself reports it, with its place in the file.
          }
        }
      }
      emit({ type: "context", ...tree.stats() });
    },
    [Symbol.dispose]: () => {
      named[Symbol.dispose]();
      tree[Symbol.dispose]();
      source[Symbol.dispose]();
    },
  };
}

function patternCheck({ set, rules }: IgnoreRules): BuildSource["isIgnored"] {
  if (rules.length === 0 || set.patterns.some(({ isException }) => isException)) return undefined;
  const ignoresAll = rules.some(({ pattern }) => ["*", "**", "**/*"].includes(pattern));
  // The context itself is no path that a pattern could leave out, unless it leaves out everything.
  return (path) => (path === "." || path === "/" ? ignoresAll : set.matchesOrParent(patternBytes(path)));
}

function identityOf(options: BuildOptions, contextPath: string): string {
  if (options.dockerfile === "-" || options.context === "-") return `${contextPath}:-`;
  return options.dockerfile === undefined ? `${contextPath}/Dockerfile` : resolve(options.dockerfile);
}

async function* emptyStream(): AsyncGenerator<Uint8Array> {}
