import { createHmac } from "node:crypto";
import { reasonText } from "../cache-key/explain.ts";
import type { CacheModel, RemoteMaterial, SourceMaterial } from "../cache-key/model.ts";
import { looksSecret } from "../cache-key/secret-names.ts";
import { NO_RULES } from "../context/ignore-file.ts";
import type { BytePath } from "../core/byte-path.ts";
import { decodePath, joinPath } from "../core/byte-path.ts";
import type { CacheModelName } from "../core/cache-key.ts";
import type { Digest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { FileTree } from "../core/file-tree.ts";
import type { Step } from "../core/step.ts";
import { readSources } from "../snapshot/copy-step.ts";
import type { SolverPorts, StepInputs } from "../solver/types.ts";
import type { StepTools } from "../steps/execute.ts";
import { EMPTY_SNAPSHOT } from "../steps/layer-book.ts";
import { sourceReads } from "../steps/mount-sources.ts";
import { placeOf } from "../steps/place-of.ts";
import { sourceTree } from "../steps/source-tree.ts";
import type { BuildReasons } from "./build-reasons.ts";
import type { EngineModel } from "./engine-rules.ts";
import { explainMissingFile } from "./missing-file.ts";
import type { BuildSource } from "./open-source.ts";
import { readImageConfig } from "./read-image.ts";
import { snapshotOfImage } from "./snapshot-of-image.ts";
import type { Workshop } from "./workshop.ts";

/** Wires the solver to the store, the context and the step tools of one build. */
export function solverPorts(
  shop: Workshop,
  build: {
    readonly model: CacheModel;
    /** Where the rules are another engine's. */
    readonly engine: EngineModel | undefined;
    readonly emit: EmitEvent;
    readonly dockerfile: string;
    readonly tools: StepTools;
    readonly source: BuildSource;
    readonly reasons: BuildReasons;
    /** Some step is a RUN. */
    readonly runsCommands: boolean;
  },
): SolverPorts {
  const { model, emit, tools } = build;
  const redact = redactor(shop);
  return {
    model,
    emit,
    clock: shop.clock,
    cache: shop.store.records,
    base: (step) => Promise.resolve(baseSnapshot(step, shop)),
    identityOf: (image) =>
      build.engine === undefined ? undefined : shop.store.facts.get(resultFact(model.name, image)),
    material: async (step, inputs) => {
      try {
        const sources = await readMaterial(step, inputs, build);
        const remotes = await remoteSources(step, tools);
        return { platform: step.meta.platform, sources, remotes, redact };
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
        const hint = await missingHint(error, step, inputs, build);
        throw error.with({ at: step.meta.at, step: placeOf(step), hint });
      }
    },
    recall: (record, parent) => shop.book.recall(record, parent),
    // A build that will run a command starts over in a namespace, and must not have done half of it by then.
    beforeWork: () => {
      if (build.runsCommands) shop.requireNamespace();
    },
    execute: async (step, inputs, signal) => {
      const { executeStep } = await import("../steps/execute.ts");
      return await executeStep(step, inputs, tools, signal);
    },
    why: (step, key) => {
      const latest = () => shop.store.records.latestFor(aboutOf(step, build.dockerfile))?.key;
      return build.reasons.ofStep(step.id, key, latest);
    },
    keyed: (step, key, changes) => build.reasons.keyed(step.id, key, changes),
    describe: reasonText,
    remember: (step, inputs) => rememberListings(step, inputs, { shop, tools }),
  };
}

export function aboutOf(step: Step, dockerfile: string) {
  const { stageName, stageIndex, ordinal, title } = step.meta;
  return { dockerfile, stage: stageName ?? String(stageIndex), ordinal, title };
}

function baseSnapshot(step: Step, shop: Workshop) {
  if (step.op.type !== "image") return EMPTY_SNAPSHOT;
  return snapshotOfImage(readImageConfig(step.op.image, shop.store), shop);
}

/** The fact that says which step's result an image was made of, under one model. */
export function resultFact(model: CacheModelName, image: Digest): string {
  return `result ${model} ${image}`;
}

async function readMaterial(
  step: Step,
  inputs: StepInputs,
  { tools, engine, source: from }: CopyWiring,
): Promise<SourceMaterial[]> {
  const material: SourceMaterial[] = [];
  for (const { copy, mount } of sourceReads(step.op)) {
    const tree = await sourceTree(copy, inputs, tools);
    const top = copy.from.type === "context" ? copy.from.name : "/";
    const disk = top === "" ? from.root : undefined;
    for (const source of readSources(copy, tree)) {
      const real = tree.resolve(source.path, true) ?? source.path;
      material.push({
        ...source,
        ...(engine === undefined ? {} : { entries: engine.entries(copy, { tree, disk, path: real }) }),
        path: pathIn(top, decodePath(source.path)),
        name: mount === undefined ? decodePath(source.name) : "",
        mount,
      });
    }
  }
  return material;
}

/** How people read a source: of the context as it is, of a named one behind its name, of an image or stage absolute at its top. */
function pathIn(top: string, path: string): string {
  if (top === "") return path === "" ? "." : path;
  if (top === "/") return path === "" ? "/" : path;
  return path === "" ? `(${top})` : `(${top})/${path}`;
}

/** Asked for side by side: each may take a while. */
function remoteSources({ id, op }: Step, { remotes }: StepTools): Promise<RemoteMaterial[]> {
  const sources = op.type === "copy" ? (op.remotes ?? []) : [];
  return Promise.all(sources.map((source) => remotes.identify(source, id)));
}

interface CopyWiring {
  readonly tools: StepTools;
  readonly engine: EngineModel | undefined;
  readonly source: BuildSource;
}

async function missingHint(
  error: BuildError,
  { op }: Step,
  inputs: StepInputs,
  { source, tools }: { readonly source: BuildSource; readonly tools: StepTools },
): Promise<string | undefined> {
  if (error.code !== "context/file-not-found") return undefined;
  const path = error.details.word ?? "";
  const reads = sourceReads(op);
  const read = reads.find(({ copy }) => copy.sources.some((written) => written.includes(path))) ?? reads[0];
  if (read === undefined) return undefined;
  if (read.copy.from.type === "context") return source.whyMissing(path, read.copy);
  return explainMissingFile(path, {
    op: read.copy,
    tree: await sourceTree(read.copy, inputs, tools),
    ignore: NO_RULES,
  });
}

/** Secret-looking values are recorded as a keyed hash: equal ones can be told, none can be read back. */
export function redactor(shop: Workshop): (name: string, value: string) => string | undefined {
  return (name, value) =>
    looksSecret(name)
      ? `hmac:${createHmac("sha256", shop.store.secretKey()).update(value).digest("hex")}`
      : undefined;
}

/** Keeps the listings below what a COPY was keyed by, so that a later miss can name the file that moved. */
async function rememberListings(
  step: Step,
  inputs: StepInputs,
  { shop, tools }: { readonly shop: Workshop; readonly tools: StepTools },
): Promise<void> {
  for (const read of sourceReads(step.op)) {
    const tree = await sourceTree(read.copy, inputs, tools);
    for (const source of readSources(read.copy, tree)) {
      const real = tree.resolve(source.path, true);
      if (real !== undefined) keepListings(tree, real, shop);
    }
  }
}

function keepListings(tree: FileTree, dir: BytePath, shop: Workshop): void {
  const listing = tree.listing(dir);
  if (listing === undefined) return;
  const digest = tree.merkle(dir);
  // A listing that is kept already has all those below it kept too.
  const kept = shop.store.listings.has(digest);
  shop.store.listings.put(digest, listing);
  if (kept) return;
  for (const row of listing.rows) if (row.type === "dir") keepListings(tree, joinPath(dir, row.name), shop);
}
