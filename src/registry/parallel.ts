import { throwIfCanceled } from "./transport.ts";

export interface ParallelOptions {
  /** How many at once. */
  readonly jobs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` over the items, in their order, some at once. The first failure fires the signal that all work got; it is
 * thrown when everything has come to rest, so that nothing runs on behind the caller's back.
 */
export async function forEachParallel<T>(
  items: readonly T[],
  { jobs, signal }: ParallelOptions,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const joined = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const failures: unknown[] = [];
  const queue = items.values();
  const lane = async () => {
    for (const item of queue) {
      if (joined.aborted) return;
      try {
        await work(item, joined);
      } catch (error) {
        failures.push(error);
        stop.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, lane));
  throwIfCanceled(signal);
  const [first] = failures;
  if (first !== undefined) throw first instanceof Error ? first : new Error("work failed", { cause: first });
}
