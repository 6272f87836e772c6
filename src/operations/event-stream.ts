import type { BuildEvent, Unstamped } from "../core/events.ts";
import type { Clock } from "../core/ports.ts";

/** Events of one build: stamped with the build's clock, kept until they are read. Pushing never waits and never fails. */
export class EventStream implements AsyncIterable<BuildEvent> {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #queue: BuildEvent[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
  }

  push(event: Unstamped<BuildEvent>): void {
    if (this.#ended) return;
    this.#queue.push({ ...event, atMs: this.#clock.monotonicMs() - this.#startMs });
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<BuildEvent> {
    for (;;) {
      const event = this.#queue.shift();
      if (event !== undefined) {
        yield event;
        continue;
      }
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
