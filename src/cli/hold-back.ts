import type { BuildEvent } from "../core/events.ts";
import type { Renderer } from "../progress/renderer.ts";

/**
 * The same renderer, silent until work begins or the build ends: until then the process may start over in a user namespace, and
 * what the second one prints must not stand below what the first one did.
 */
export function holdBack(renderer: Renderer): Renderer {
  let held: BuildEvent[] | undefined = [];
  const release = () => {
    const events = held ?? [];
    held = undefined;
    for (const event of events) renderer.onEvent(event);
  };
  return {
    onEvent: (event) => {
      if (held === undefined) return renderer.onEvent(event);
      held.push(event);
      if (event.type === "step-started" || event.type === "finished") release();
    },
    finish: () => {
      release();
      return renderer.finish();
    },
  };
}
