import type { BuildEvent } from "../core/events.ts";
import { finalLines } from "./final-line.ts";
import type { Renderer, Write } from "./renderer.ts";
import { type Screen, scrollLines } from "./scrollback.ts";
import { type BuildView, EMPTY_VIEW, reduceView } from "./view.ts";

/** Where a live display takes over: the build so far, and how many items of its scrollback are on the screen already. */
export interface LiveStart {
  readonly view: BuildView;
  readonly printed: number;
}

/** A display with a live area. It reads events until `finished` or `unmount`. */
export interface LiveDisplay {
  readonly done: Promise<void>;
  unmount(): void;
}

export type Subscribe = (listener: (event: BuildEvent) => void) => () => void;

export interface TtyOptions {
  readonly write: Write;
  /** Read anew for every line: the terminal may have been resized. */
  readonly screen: () => Screen;
  /** Loads the live display, which costs more than a fully cached build takes; called once there is work to do. */
  readonly load: () => Promise<(start: LiveStart, subscribe: Subscribe) => LiveDisplay>;
}

/**
 * The display on a terminal. Rows that ended are printed at once, from here; the live display is loaded beside them when the first
 * step begins, and takes over from where the screen is. If it cannot be loaded, rows go on being printed as they end.
 */
export function createTtyRenderer({ write, screen, load }: TtyOptions): Renderer {
  let view: BuildView = EMPTY_VIEW;
  let printed = 0;
  let loading: Promise<void> | undefined;
  let live: LiveDisplay | undefined;
  let over = false;
  let listener: ((event: BuildEvent) => void) | undefined;

  const print = () => {
    const now = screen();
    for (; printed < view.scrollback.length; printed += 1) {
      const item = view.scrollback[printed];
      for (const line of item === undefined ? [] : scrollLines(view, item, now)) write(`${line}\n`);
    }
  };
  const printEnd = () => {
    for (const line of finalLines(view, screen())) write(`${line}\n`);
  };
  const takeOver = async () => {
    try {
      const start = await load();
      if (over || view.result !== null) return;
      live = start({ view, printed }, (next) => {
        listener = next;
        return () => {
          listener = undefined;
        };
      });
    } catch {
      // A terminal without its live area still shows every row.
    }
  };

  return {
    onEvent(event) {
      view = reduceView(view, event);
      if (live !== undefined) {
        listener?.(event);
        return;
      }
      print();
      if (event.type === "finished") printEnd();
      else if (isWork(event)) loading ??= takeOver();
    },
    async finish() {
      over = true;
      // A build that broke off must not wait for a display that nobody will see.
      if (live === undefined) return;
      if (view.result === null) live.unmount();
      await live.done;
    },
  };
}

function isWork(event: BuildEvent): boolean {
  return event.type === "step-started" || (event.type === "transfer" && event.state === "running");
}
