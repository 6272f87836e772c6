import { createReadStream } from "node:fs";
import { join } from "node:path";
import { type BuildSink, finishBuild, runBuild } from "./build.ts";
import { BuildError } from "./core/errors.ts";
import type { EmitEvent, RowPlan } from "./core/events.ts";
import type { BuiltImage } from "./operations/assemble-image.ts";
import type { BuildOptions, BuildResult } from "./operations/types.ts";
import { NeedsUserNamespace, type Workshop } from "./operations/workshop.ts";
import { writeFileFrom } from "./output/write-file.ts";

/**
 * A build for several platforms: each is a build of its own, with a record of its own, and their images come under one index. All are
 * planned before any works, so that what cannot be built for one fails before the first step; then they work one after the other,
 * and what runs natively for all of them (FROM --platform=$BUILDPLATFORM) is a hit from the second on.
 */
export async function runPlatforms(
  options: BuildOptions & { readonly platforms: readonly string[] },
  shop: Workshop,
  sink: BuildSink,
): Promise<BuildResult> {
  using lease = shop.store.openLease("build");
  const { platforms } = options;
  const stdin = options.stdin === undefined ? undefined : await spool(options.stdin, lease.makeTemp());
  const images = new Map<number, BuiltImage>();
  const turns = new Turns(platforms.length, (rows) => sink.emit({ type: "planned", rows }));
  let isStarted = false;
  const told = new Set<string>();
  const builds = platforms.map(async (platform, i) => {
    const record = i === 0 ? sink.record : shop.store.builds.create();
    const prefix = `${platform} `;
    const emit: EmitEvent = (event) => {
      // Once for all of them.
      if (event.type === "planned" || event.type === "finished") return;
      if (event.type === "build-started") {
        if (!isStarted) {
          isStarted = true;
          sink.emit({ ...event, tags: options.tags ?? [], platform: platforms.join(",") });
        }
      } else if (event.type === "context") {
        if (i === 0) sink.emit(event);
      } else if (event.type === "note" || event.type === "check-warning") {
        const text = JSON.stringify(event);
        if (!told.has(text)) sink.emit(event);
        told.add(text);
      } else sink.emit("row" in event && event.row !== null ? { ...event, row: prefix + event.row } : event);
    };
    const part = {
      planned: (rows: readonly RowPlan[]) =>
        turns.planned(
          i,
          rows.map((row) => ofPlatform(row, platform, prefix)),
        ),
      built: (image: BuiltImage) => void images.set(i, image),
    };
    const one = { ...options, platform, platforms: undefined, outputs: undefined, stdin: stdin?.() };
    try {
      const result = await runBuild(one, shop, { ...sink, record, emit, part });
      turns.done(i);
      return result;
    } catch (error) {
      turns.fail(error);
      // A record of a build that never came to its turn says nothing.
      const isUnused = error instanceof NotItsTurn || error instanceof NeedsUserNamespace;
      if (i > 0 && isUnused) shop.store.builds.remove(record.id);
      throw error;
    }
  });
  const settled = await Promise.allSettled(builds);
  if (turns.failure !== undefined) throw turns.failure.error;
  const results = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const inOrder = platforms.flatMap((_, i) => images.get(i) ?? []);
  const made = await finishBuild(inOrder, options, { shop, sink });
  return { id: sink.record.id, ...made, steps: results.flatMap(({ steps }) => steps) };
}

/** Standard input can be read once, and every platform reads it. */
async function spool(
  stdin: AsyncIterable<Uint8Array>,
  dir: string,
): Promise<() => AsyncIterable<Uint8Array>> {
  const path = join(dir, "stdin");
  await writeFileFrom(path, stdin);
  return () => createReadStream(path);
}

/** Another platform failed first. */
class NotItsTurn extends BuildError {}

/** Rows of a platform: `linux/arm64 build` is the stage a person reads. */
function ofPlatform(row: RowPlan, platform: string, prefix: string): RowPlan {
  return { ...row, id: prefix + row.id, stage: `${platform} ${row.stage ?? `stage-${row.stageIndex}`}` };
}

/** Nobody works before all are planned; then each waits for the one before it. The first failure is everybody's. */
class Turns {
  failure: { readonly error: unknown } | undefined;
  readonly #rows = new Map<number, readonly RowPlan[]>();
  readonly #turns: readonly PromiseWithResolvers<void>[];
  readonly #allPlanned: (rows: readonly RowPlan[]) => void;

  constructor(count: number, allPlanned: (rows: readonly RowPlan[]) => void) {
    this.#turns = Array.from({ length: count }, () => Promise.withResolvers<void>());
    for (const { promise } of this.#turns) promise.catch(() => undefined);
    this.#allPlanned = allPlanned;
  }

  async planned(i: number, rows: readonly RowPlan[]): Promise<void> {
    this.#rows.set(i, rows);
    if (this.#rows.size === this.#turns.length) {
      this.#allPlanned(this.#turns.flatMap((_, at) => this.#rows.get(at) ?? []));
      this.#turns[0]?.resolve();
    }
    await this.#turns[i]?.promise;
  }

  done(i: number): void {
    this.#turns[i + 1]?.resolve();
  }

  fail(error: unknown): void {
    this.failure ??= { error };
    const late = new NotItsTurn("cli/canceled", "another platform could not be built", { cause: error });
    for (const { reject } of this.#turns) reject(late);
  }
}
