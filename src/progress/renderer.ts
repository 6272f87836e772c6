import type { BuildEvent } from "../core/events.ts";

/** Turns events into text for somebody. It gets a `write` from its caller and knows no process. */
export interface Renderer {
  onEvent(event: BuildEvent): void;
  /** After the last event, also where the build broke off without `finished`. Resolves when all is on the screen. */
  finish(): Promise<void> | void;
}

export type Write = (text: string) => void;

/**
 * The same renderer, unable to fail a build: what it throws goes to `onFailure` once, and it is left alone from then on.
 */
export function guardRenderer(
  renderer: Renderer,
  onFailure: (error: unknown) => void = () => undefined,
): Renderer {
  let broken = false;
  const fail = (error: unknown) => {
    if (broken) return;
    broken = true;
    try {
      onFailure(error);
    } catch {
      // Nobody is left to tell.
    }
  };
  return {
    onEvent(event) {
      if (broken) return;
      try {
        renderer.onEvent(event);
      } catch (error) {
        fail(error);
      }
    },
    async finish() {
      if (broken) return;
      try {
        await renderer.finish();
      } catch (error) {
        fail(error);
      }
    },
  };
}
