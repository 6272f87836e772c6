import { type BuildSink, runBuild } from "./build.ts";
import { BuildError, isBuildError } from "./core/errors.ts";
import type { BuildEvent, EmitEvent } from "./core/events.ts";
import type { SourceText } from "./core/source-range.ts";
import type { Difference } from "./operations/compare-builds.ts";
import { EventStream } from "./operations/event-stream.ts";
import type { Explanation } from "./operations/explain-build.ts";
import { focusError } from "./operations/focus-error.ts";
import { openWorkshop, type WorkshopOptions } from "./operations/open-workshop.ts";
import { distinctPlatforms, wantsIndex } from "./operations/plan-options.ts";
import type { BuildOptions, BuildResult } from "./operations/types.ts";
import { NeedsUserNamespace, type Workshop } from "./operations/workshop.ts";

export type { ExplainedStep, Explanation } from "./operations/explain-build.ts";

/** A build under way. */
export interface Build {
  readonly id: string;
  /** Every event from the first on, for one reader. */
  readonly events: AsyncIterable<BuildEvent>;
  /** Rejects with a BuildError. */
  readonly result: Promise<BuildResult>;
  /** The Dockerfile, once it is read: errors point into it. */
  readonly source: () => SourceText | undefined;
}

/** Two builds of the same under way: their events come one after the other. */
export interface TwiceBuilt extends Pick<Build, "events" | "source"> {
  readonly result: Promise<readonly Difference[]>;
}

export interface EngineOptions {
  /** The store's folder; default as the command line's: TSBUILD_HOME, XDG_DATA_HOME, ~/.local/share. */
  readonly home?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly warn?: ((text: string) => void) | undefined;
}

/** What the command line and library users call. It never prints, never exits, and owns no global state. */
export interface Engine extends AsyncDisposable {
  readonly home: string;
  build(options: BuildOptions): Build;
  /** Builds twice without the cache; `result` is what differs between the two images. Neither is kept. */
  buildTwice(options: BuildOptions): TwiceBuilt;
  /** Why each step of a recorded build (default: the latest) hit or missed, or what moved in it since `against`. Rejects with `cli/usage` where there is none. */
  explain(id?: string, against?: string): Promise<Explanation>;
  /** For operations of the command line that are not builds. */
  readonly shop: Workshop;
}

export function createEngine(options: EngineOptions = {}): Promise<Engine> {
  const workshop: WorkshopOptions = {
    home: options.home,
    env: options.env ?? process.env,
    warn: options.warn ?? (() => undefined),
  };
  const shop = openWorkshop(workshop);
  const running = new Set<Promise<unknown>>();
  return Promise.resolve({
    home: shop.home,
    shop,
    build: (buildOptions) => {
      const build = startBuild(buildOptions, shop);
      const settled = build.result.catch(() => undefined).finally(() => running.delete(settled));
      running.add(settled);
      return build;
    },
    buildTwice: (buildOptions) => startTwice(buildOptions, shop, running),
    explain: async (id, against) =>
      (await import("./operations/explain-build.ts")).explainBuild(id, shop.store, against),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(running);
      shop[Symbol.dispose]();
    },
  });
}

function startBuild(options: BuildOptions, shop: Workshop): Build {
  const record = shop.store.builds.create();
  const events = new EventStream(shop.clock);
  let source: SourceText | undefined;
  const emit: EmitEvent = (event) => events.push(event);
  const sink: BuildSink = {
    record,
    emit,
    signal: options.signal ?? new AbortController().signal,
    knowsSource: (text) => {
      source = text;
    },
  };
  const running = run(options, shop, sink).catch(async (error: unknown) => {
    throw await focusError(error, source);
  });
  const result = finish(running, { events, shop, id: record.id });
  return { id: record.id, events, result, source: () => source };
}

/** One platform is the pipeline itself; what joins several is loaded where there are several. */
async function run(options: BuildOptions, shop: Workshop, sink: BuildSink): Promise<BuildResult> {
  const distinct = distinctPlatforms(options);
  const [platform] = distinct;
  if (distinct.length < 2 && !wantsIndex(options))
    return await runBuild({ ...options, platform, platforms: undefined }, shop, sink);
  const { runPlatforms } = await import("./build-platforms.ts");
  return await runPlatforms({ ...options, platforms: distinct }, shop, sink);
}

function startTwice(options: BuildOptions, shop: Workshop, open: Set<Promise<unknown>>): TwiceBuilt {
  const events = new EventStream(shop.clock);
  let source: SourceText | undefined;
  const emit: EmitEvent = (event) => events.push(event);
  const knowsSource = (text: SourceText) => {
    source = text;
  };
  const signal = options.signal ?? new AbortController().signal;
  const result = (async () => {
    const { buildTwice } = await import("./build-twice.ts");
    try {
      return await buildTwice(options, shop, () => {
        const record = shop.store.builds.create();
        const ended = (made: BuildResult | undefined, error?: unknown) => {
          if (error instanceof NeedsUserNamespace) shop.store.builds.remove(record.id);
          else emit({ ...finishedEvent(error), sizeBytes: made?.sizeBytes ?? 0, layers: made?.layers ?? 0 });
        };
        return { record, emit, signal, knowsSource, ended };
      });
    } catch (error) {
      throw await focusError(error, source);
    } finally {
      events.end();
    }
  })();
  const settled = result.catch(() => undefined).finally(() => open.delete(settled));
  open.add(settled);
  return { events, result, source: () => source };
}

function finishedEvent(error: unknown) {
  const about = error === undefined ? null : eventError(error);
  return { type: "finished", image: null, sizeBytes: 0, layers: 0, error: about } as const;
}

async function finish(
  running: Promise<BuildResult>,
  { events, shop, id }: { readonly events: EventStream; readonly shop: Workshop; readonly id: string },
): Promise<BuildResult> {
  try {
    const result = await running;
    const { image, sizeBytes, layers } = result;
    events.push({ type: "finished", image, sizeBytes, layers, error: null });
    return result;
  } catch (error) {
    // The caller starts over in a namespace: nothing has been done and nothing is to be told.
    if (error instanceof NeedsUserNamespace) shop.store.builds.remove(id);
    else events.push(finishedEvent(error));
    throw error;
  } finally {
    events.end();
  }
}

function eventError(error: unknown) {
  const known = isBuildError(error) ? error : new BuildError("cli/bug", String(error));
  const { at, commandExitCode } = known.details;
  return {
    code: known.code,
    message: known.message,
    line: at?.line ?? null,
    column: at?.column ?? null,
    exitCode: commandExitCode ?? null,
  };
}
