import { expect, test } from "vitest";
import { addTransfer, NO_TRANSFERS, type TransferEvent, transferBar } from "../../src/progress/transfers.ts";
import { digest } from "./scripted-build.ts";

const pull = (
  atMs: number,
  blob: string,
  doneBytes: number,
  state: TransferEvent["state"] = "running",
): TransferEvent => ({
  type: "transfer",
  atMs,
  row: null,
  blob: digest(blob),
  direction: "pull",
  state,
  doneBytes,
  totalBytes: 1000,
});
const barAfter = (events: readonly TransferEvent[], nowMs: number) =>
  transferBar(events.reduce(addTransfer, NO_TRANSFERS), "pull", nowMs);

test("all blobs are one bar, and those that are here already are counted apart", () => {
  const bar = barAfter(
    [pull(0, "1", 0), pull(0, "2", 0), pull(0, "3", 0, "exists"), pull(1000, "1", 500)],
    1000,
  );
  expect(bar).toMatchObject({ doneBytes: 500, totalBytes: 2000, blobs: 2, existing: 1, active: true });
});

test("the rate is that of the last seconds, and falls while nothing comes", () => {
  const events = [pull(0, "1", 0), pull(1000, "1", 200), pull(2000, "1", 400)];
  expect(barAfter(events, 2000)).toMatchObject({ bytesPerSecond: 200, secondsLeft: 3 });
  expect(barAfter(events, 4000)?.bytesPerSecond).toBe(100);
});

test("a retry begins a new measurement and says why", () => {
  const bar = barAfter(
    [pull(0, "1", 0), pull(1000, "1", 900), { ...pull(1100, "1", 0, "retrying"), note: "reset by peer" }],
    1100,
  );
  expect(bar).toMatchObject({ bytesPerSecond: 0, secondsLeft: null, note: "reset by peer" });
});

test("when every blob is done the bar is no longer active", () => {
  expect(barAfter([pull(0, "1", 0), pull(9, "1", 1000, "done"), pull(9, "2", 0, "exists")], 9)?.active).toBe(
    false,
  );
  expect(barAfter([], 0)).toBeUndefined();
});
