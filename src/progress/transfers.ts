import type { BuildEvent } from "../core/events.ts";

/** Rates are taken over this long: shorter jumps about, longer lags behind. */
const RATE_WINDOW_MS = 5_000;
const SAMPLE_EVERY_MS = 200;

export type TransferEvent = Extract<BuildEvent, { readonly type: "transfer" }>;
export type TransferDirection = TransferEvent["direction"];

/** Bytes done over all blobs of one direction, at a time. */
interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/** The last event of each blob, and enough of the past to tell a rate. */
export interface Transfers {
  readonly blobs: ReadonlyMap<string, TransferEvent>;
  readonly samples: Readonly<Record<TransferDirection, readonly Sample[]>>;
}

export const NO_TRANSFERS: Transfers = { blobs: new Map(), samples: { pull: [], push: [] } };

/** All blobs of one direction as one bar. */
export interface TransferBar {
  readonly direction: TransferDirection;
  /** Of blobs that are moved at all; those already here count in `existing` only. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly blobs: number;
  readonly existing: number;
  readonly active: boolean;
  readonly bytesPerSecond: number;
  /** Null where nothing moves. */
  readonly secondsLeft: number | null;
  /** The trouble of a blob that is being tried again. */
  readonly note: string | null;
}

export function addTransfer(transfers: Transfers, event: TransferEvent): Transfers {
  const blobs = new Map(transfers.blobs).set(`${event.direction} ${event.blob}`, event);
  const bytes = sumDone(blobs, event.direction);
  const samples = addSample(transfers.samples[event.direction], { atMs: event.atMs, bytes });
  return { blobs, samples: { ...transfers.samples, [event.direction]: samples } };
}

/** Undefined where nothing went, or has to go, in that direction. `nowMs` is the build's clock. */
export function transferBar(
  transfers: Transfers,
  direction: TransferDirection,
  nowMs: number,
): TransferBar | undefined {
  const all = [...transfers.blobs.values()].filter((blob) => blob.direction === direction);
  if (all.length === 0) return undefined;
  const moved = all.filter((blob) => blob.state !== "exists");
  const totalBytes = moved.reduce((sum, blob) => sum + Math.max(blob.totalBytes, blob.doneBytes), 0);
  const doneBytes = sumDone(transfers.blobs, direction);
  const bytesPerSecond = rateOf(transfers.samples[direction], nowMs);
  return {
    direction,
    doneBytes,
    totalBytes,
    blobs: moved.length,
    existing: all.length - moved.length,
    active: moved.some((blob) => blob.state !== "done"),
    bytesPerSecond,
    secondsLeft: bytesPerSecond > 0 ? (totalBytes - doneBytes) / bytesPerSecond : null,
    note: moved.find((blob) => blob.state === "retrying")?.note ?? null,
  };
}

function sumDone(blobs: ReadonlyMap<string, TransferEvent>, direction: TransferDirection): number {
  let sum = 0;
  for (const blob of blobs.values()) {
    if (blob.direction === direction && blob.state !== "exists") sum += blob.doneBytes;
  }
  return sum;
}

/** A sample every so often, and the newest always. A retry that begins anew makes the past worthless. */
function addSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last === undefined || sample.bytes < last.bytes) return [sample];
  const recent = samples.filter(({ atMs }) => atMs >= sample.atMs - RATE_WINDOW_MS);
  const before = recent.at(-2);
  const replaceLast = before !== undefined && sample.atMs - before.atMs < SAMPLE_EVERY_MS;
  return [...(replaceLast ? recent.slice(0, -1) : recent), sample];
}

function rateOf(samples: readonly Sample[], nowMs: number): number {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined) return 0;
  const elapsedMs = Math.max(nowMs, last.atMs) - first.atMs;
  return elapsedMs <= 0 ? 0 : ((last.bytes - first.bytes) * 1000) / elapsedMs;
}
