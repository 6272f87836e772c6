import { constants } from "node:os";
import { askContainer, type ControlAnswer, type ControlRequest } from "../containers/control.ts";
import { findContainer } from "../containers/find-container.ts";
import { isRunning } from "../containers/run-container.ts";
import { requireSignal, stopSignalOf } from "../containers/signals.ts";
import type { Container } from "../core/container.ts";
import { BuildError } from "../core/errors.ts";
import type { StoredContainer } from "../store/container-directory.ts";
import type { Workshop } from "./workshop.ts";

/** Docker's: between the signal and KILL. */
const DEFAULT_GRACE_SECONDS = 10;

/** Asks a container to end and waits until it has; one that does not run is done already. `seconds` below 0: no KILL. */
export async function stopContainer(
  text: string,
  how: { readonly seconds: number | undefined; readonly signal: string | undefined },
  shop: Workshop,
): Promise<void> {
  const { container, state } = findContainer(text, shop.store);
  const signal = how.signal === undefined ? stopSignalOf(container.config) : requireSignal(how.signal);
  if (state.status !== "running") return;
  const seconds = how.seconds ?? DEFAULT_GRACE_SECONDS;
  await askAndWait(container, { do: "stop", signal, graceMs: seconds < 0 ? null : seconds * 1000 }, shop);
}

/** Sends a signal, KILL unless told, and does not wait. */
export async function killContainer(text: string, signal: string, shop: Workshop): Promise<void> {
  const number = requireSignal(signal);
  const { container, state } = findContainer(text, shop.store);
  if (state.status !== "running") throw notRunning(container);
  using connection = await askContainer(shop.store.containers.dirOf(container.id), {
    do: "signal",
    signal: number,
  });
  const answer: ControlAnswer | undefined = await connection?.answer;
  if (answer?.ok !== true) throw notRunning(container);
  // After a KILL, what a person types next finds it ended.
  if (number === constants.signals.SIGKILL) await connection?.ended;
}

/** Waits for a container's end; resolves to its exit code. One that has never run counts as ended with 0, as Docker has it. */
export async function waitForContainer(text: string, shop: Workshop): Promise<number> {
  const { container, state } = findContainer(text, shop.store);
  if (state.status === "exited") return state.exitCode;
  return await watchToEnd(container, shop);
}

async function watchToEnd(container: Container, shop: Workshop): Promise<number> {
  const { containers } = shop.store;
  using connection = await askContainer(containers.dirOf(container.id), { do: "wait" });
  // The state knows where the process could not say; of a --rm container there is none.
  return (await connection?.ended) ?? containers.read(container.id)?.state.exitCode ?? 137;
}

/** Removes a container and all it holds. One that runs is ended by KILL where `force` is given, else refused. */
export async function removeContainer(text: string, force: boolean, shop: Workshop): Promise<void> {
  const found = findContainer(text, shop.store);
  if (found.state.status === "running") {
    if (!force) throw isRunning(found.container);
    const signal = constants.signals.SIGKILL;
    await askAndWait(found.container, { do: "signal", signal }, shop);
  }
  takeAway(found, shop);
}

/** Under its lock, so that nobody starts it meanwhile. */
export function takeAway({ container }: StoredContainer, { store, requireNamespace }: Workshop): void {
  if (store.containers.read(container.id) === undefined) return;
  // Its files may belong to other ids.
  requireNamespace();
  using hold = store.containers.hold(container.id);
  if (hold === undefined) throw isRunning(container);
  store.containers.remove(container.id);
}

async function askAndWait(container: Container, request: ControlRequest, shop: Workshop): Promise<void> {
  using connection = await askContainer(shop.store.containers.dirOf(container.id), request);
  await connection?.ended;
}

function notRunning({ name }: Container): BuildError {
  return new BuildError("container/not-running", `container ${name} is not running`, {
    hint: `Start it with: tsbuild start ${name}`,
  });
}
