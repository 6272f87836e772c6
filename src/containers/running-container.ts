import { constants } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import type { RunningCommand } from "../core/ports.ts";
import { unreachable } from "../core/unreachable.ts";
import type { ControlAnswer, ControlHandler, ControlRequest } from "./control.ts";

const { SIGCONT, SIGKILL, SIGSTOP } = constants.signals;
/** With executors that start a command a moment after they say so. */
const START_TRIES = 100;
const START_PAUSE_MS = 20;
/** A process may be made while its siblings are being stopped. */
const FREEZE_ROUNDS = 20;

/** The command of a container as other tsbuild processes may act on it, from before its start to its end. */
export class RunningContainer implements ControlHandler {
  readonly #started = Promise.withResolvers<RunningCommand | undefined>();
  readonly #ended = Promise.withResolvers<void>();
  #hasEnded = false;

  begin(command: RunningCommand): void {
    this.#started.resolve(command);
  }

  end(): void {
    this.#hasEnded = true;
    this.#started.resolve(undefined);
    this.#ended.resolve();
  }

  async handle(request: ControlRequest, closed: AbortSignal): Promise<ControlAnswer> {
    const command = await this.#started.promise;
    if (command === undefined) return { ok: false };
    switch (request.do) {
      case "signal":
        return { ok: await this.#signal(command, request.signal) };
      case "stop": {
        const ok = await this.#signal(command, request.signal);
        if (request.graceMs !== null) void this.#killAfter(command, request.graceMs);
        return { ok };
      }
      case "freeze":
        return { ok: freeze(command, closed) };
      case "wait":
        return { ok: true, pid: command.pid };
      default:
        return unreachable(request);
    }
  }

  async #signal(command: RunningCommand, signal: number): Promise<boolean> {
    for (let tries = 0; tries < START_TRIES && !this.#hasEnded; tries += 1) {
      if (command.kill(signal)) return true;
      await pause(START_PAUSE_MS);
    }
    return false;
  }

  async #killAfter(command: RunningCommand, graceMs: number): Promise<void> {
    const late = new AbortController();
    await Promise.race([
      this.#ended.promise,
      pause(graceMs, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    if (!this.#hasEnded) command.kill(SIGKILL);
  }
}

/** Stops every process of the container, and lets them go once whoever asked has gone, whatever became of it. */
function freeze(command: RunningCommand, closed: AbortSignal): boolean {
  const stopped = new Set<number>();
  const thaw = (): void => {
    for (const pid of stopped) send(pid, SIGCONT);
  };
  if (closed.aborted) return false;
  closed.addEventListener("abort", thaw, { once: true });
  for (let round = 0; round < FREEZE_ROUNDS; round += 1) {
    const fresh = command.processes().filter((pid) => !stopped.has(pid));
    if (fresh.length === 0) return true;
    for (const pid of fresh) {
      stopped.add(pid);
      send(pid, SIGSTOP);
    }
  }
  return true;
}

function send(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
