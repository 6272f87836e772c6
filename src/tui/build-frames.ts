import type { BuildEvent } from "../core/events.ts";
import { finalLines } from "../progress/final-line.ts";
import { liveLines, MAX_LIVE_LINES } from "../progress/live-area.ts";
import { type Screen, scrollLines } from "../progress/scrollback.ts";
import type { LiveStart } from "../progress/tty.ts";
import { type BuildView, EMPTY_VIEW, reduceView } from "../progress/view.ts";

/** What is on the screen at one moment: lines that stay, and lines that are drawn anew. */
export interface Frame {
  /** Grows only: what was drawn once is in the terminal's scrollback and never touched again. */
  readonly finished: readonly FinishedLines[];
  readonly live: readonly string[];
}

export interface FinishedLines {
  readonly key: number;
  readonly lines: readonly string[];
}

/** Events in, frames out. Lines of rows that ended are made once, for the width the terminal had then. */
export class BuildFrames {
  #view: BuildView;
  #printed: number;
  #finished: readonly FinishedLines[] = [];
  readonly #screen: () => Screen & { readonly rows: number };

  constructor(start: LiveStart | undefined, screen: () => Screen & { readonly rows: number }) {
    this.#view = start?.view ?? EMPTY_VIEW;
    this.#printed = start?.printed ?? 0;
    this.#screen = screen;
  }

  /** Of the newest event, on the build's clock. */
  get atMs(): number {
    return this.#view.atMs;
  }

  onEvent(event: BuildEvent): void {
    this.#view = reduceView(this.#view, event);
  }

  /** `nowMs` is the build's clock, which goes on between events. */
  next(nowMs: number): Frame {
    const screen = this.#screen();
    // The terminal scrolls when the cursor stands below the live area: one line less than it has, and one for the cursor.
    const maxLines = Math.min(MAX_LIVE_LINES, screen.rows - 2);
    const live = liveLines(this.#view, screen, { maxLines, nowMs: Math.max(nowMs, this.#view.atMs) });
    return { finished: this.#takeFinished(screen), live };
  }

  /** The frame that is left on the screen. */
  last(): Frame {
    const screen = this.#screen();
    return { finished: this.#takeFinished(screen), live: finalLines(this.#view, screen) };
  }

  #takeFinished(screen: Screen): readonly FinishedLines[] {
    const added = this.#view.scrollback
      .slice(this.#printed)
      .map((item, index) => ({ key: this.#printed + index, lines: scrollLines(this.#view, item, screen) }))
      .filter(({ lines }) => lines.length > 0);
    this.#printed = this.#view.scrollback.length;
    if (added.length > 0) this.#finished = [...this.#finished, ...added];
    return this.#finished;
  }
}
