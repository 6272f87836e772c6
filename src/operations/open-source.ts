import { resolve } from "node:path";
import { openContextSource } from "../context/context-source.ts";
import { openContext } from "../context/context-tree.ts";
import { type IgnoreRules } from "../context/ignore-file.ts";
import { isBuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { FileTree } from "../core/file-tree.ts";
import { patternBytes } from "../core/pattern/runes.ts";
import type { SourceText } from "../core/source-range.ts";
import type { CopyOp } from "../core/step.ts";
import type { BuildPlan } from "../plan/types.ts";
import { readSources } from "../snapshot/copy-step.ts";
import type { RefusedStep } from "../solver/types.ts";
import { sourceReads } from "../steps/mount-sources.ts";
import { placeOf } from "../steps/place-of.ts";
import { namedTrees } from "./build-contexts.ts";
import { explainMissingFile } from "./missing-file.ts";
import { isRemoteContext } from "./remote-context.ts";
import type { BuildOptions } from "./types.ts";
import type { Workshop } from "./workshop.ts";

const MISSING = "context/file-not-found";

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
  /** Looks at what the plan's COPYs and mounts read, and tells how much it is. Gives the last COPY of which a source is missing. */
  measure(plan: BuildPlan, emit: EmitEvent): RefusedStep | undefined;
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
  const whyMissing = (path: string, op: CopyOp) => {
    const name = op.from.type === "context" ? op.from.name : "";
    const { ignore } = name === "" ? source : named.open(name);
    return explainMissingFile(path, { op, tree: treeOf(name), ignore });
  };
  return {
    dockerfile: source.dockerfile,
    identity:
      fetched === undefined ? identityOf(options, contextPath) : `${contextPath}:${options.dockerfile ?? ""}`,
    contextPath,
    root: resolve(source.root),
    tree: treeOf,
    isIgnored: patternCheck(source.ignore),
    whyMissing,
    measure: (plan, emit) => {
      let refused: RefusedStep | undefined;
      for (const step of plan.steps.values()) {
        for (const { copy, mount } of sourceReads(step.op)) {
          if (copy.from.type !== "context") continue;
          try {
            readSources(copy, treeOf(copy.from.name));
          } catch (error) {
            // Whatever else it is, the step itself reports it.
            if (mount !== undefined || !isBuildError(error) || error.code !== MISSING) continue;
            const hint = whyMissing(error.details.word ?? "", copy);
            refused = { step, error: error.with({ at: step.meta.at, step: placeOf(step), hint }) };
          }
        }
      }
      emit({ type: "context", ...tree.stats() });
      return refused;
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
