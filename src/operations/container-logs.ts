import { watch } from "node:fs";
import { join } from "node:path";
import { type LogEntry, LogReader } from "../containers/container-log.ts";
import { askContainer } from "../containers/control.ts";
import { findContainer } from "../containers/find-container.ts";
import { BuildError } from "../core/errors.ts";
import { parseMoment } from "./parse-moment.ts";
import type { Workshop } from "./workshop.ts";

export interface LogsOptions {
  readonly container: string;
  /** Goes on until the container ends. */
  readonly follow: boolean;
  /** `all`, or how many lines from the end. */
  readonly tail: string;
  /** A duration before now, or a moment. */
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly signal: AbortSignal;
}

/** What a container has written, oldest first. */
export async function* containerLogs(options: LogsOptions, shop: Workshop): AsyncGenerator<LogEntry> {
  const count = parseTail(options.tail);
  const nowMs = shop.clock.nowMs();
  const fromMs = options.since === undefined ? -Infinity : parseMoment("since", options.since, nowMs);
  const toMs = options.until === undefined ? Infinity : parseMoment("until", options.until, nowMs);
  const isWanted = ({ time }: LogEntry) => Date.parse(time) >= fromMs && Date.parse(time) <= toMs;
  const { container } = findContainer(options.container, shop.store);
  const dir = shop.store.containers.dirOf(container.id);
  using reader = new LogReader(join(dir, "log"));
  yield* lastOf(count, reader.next(), isWanted);
  if (!options.follow) return;
  using connection = await askContainer(dir, { do: "wait" });
  let hasEnded = connection === undefined;
  using news = watchFile(join(dir, "log"));
  const ended = connection?.ended.finally(() => {
    hasEnded = true;
  });
  const stopped = new Promise<void>((resolve) => {
    options.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  for (;;) {
    // Asked for before reading: what comes in between is met in the next round.
    const next = news.next();
    const isLast = hasEnded;
    for (const entry of reader.next()) if (isWanted(entry)) yield entry;
    if (isLast || options.signal.aborted) return;
    await Promise.race([next, ended, stopped]);
  }
}

function* lastOf(
  count: number,
  entries: Iterable<LogEntry>,
  isWanted: (entry: LogEntry) => boolean,
): Generator<LogEntry> {
  if (count === Infinity) {
    for (const entry of entries) if (isWanted(entry)) yield entry;
    return;
  }
  const last: LogEntry[] = [];
  for (const entry of entries) {
    if (isWanted(entry)) last.push(entry);
    if (last.length > count) last.shift();
  }
  yield* last;
}

function watchFile(path: string): Disposable & { next(): Promise<void> } {
  let wake = Promise.withResolvers<void>();
  const watcher = watch(path, () => {
    wake.resolve();
    wake = Promise.withResolvers();
  });
  return {
    next: () => wake.promise,
    [Symbol.dispose]: () => watcher.close(),
  };
}

/** As Docker: what is no number, or a negative one, means all. */
function parseTail(text: string): number {
  if (text === "all" || text === "") return Infinity;
  if (/^-?\d+$/.test(text)) return Number(text) < 0 ? Infinity : Number(text);
  throw new BuildError("cli/usage", `--tail=${text} is no number of lines`, {
    hint: "Write a number, or all.",
  });
}
