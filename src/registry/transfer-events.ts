import type { Descriptor } from "../core/descriptor.ts";
import type { BuildEvent, EmitEvent } from "../core/events.ts";

type TransferEvent = Extract<BuildEvent, { readonly type: "transfer" }>;

export interface TransferListener {
  readonly emit?: EmitEvent | undefined;
  /** The display row that the transfer belongs to. */
  readonly row?: string | null | undefined;
}

export type TellTransfer = (state: TransferEvent["state"], doneBytes: number, note?: string) => void;

/** Progress is told in steps of this size: an event for every chunk would drown the others. */
const STEP_BYTES = 256 * 1024;

/** `transfer` events about one blob. */
export function transferTeller(
  { emit, row = null }: TransferListener,
  direction: TransferEvent["direction"],
  blob: Descriptor,
): TellTransfer {
  let told: { readonly state: string; readonly doneBytes: number } | undefined;
  return (state, doneBytes, note) => {
    const isSmallStep =
      told?.state === state && doneBytes > told.doneBytes && doneBytes - told.doneBytes < STEP_BYTES;
    if (isSmallStep && note === undefined) return;
    told = { state, doneBytes };
    const counts = { doneBytes, totalBytes: blob.size, ...(note === undefined ? {} : { note }) };
    emit?.({ type: "transfer", row, blob: blob.digest, direction, state, ...counts });
  };
}
