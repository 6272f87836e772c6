import { EventEmitter } from "node:events";
import { displayWidth } from "../progress/display-width.ts";

/** The parts of a terminal's stream that the display needs. process.stderr is one. */
export interface TerminalStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** Asks the terminal itself; `columns` is only as new as the last signal that was handled. */
  getWindowSize?(): readonly [columns: number, rows: number];
  write(text: string, callback?: () => void): boolean;
  on(event: "resize", listener: () => void): unknown;
  off(event: "resize", listener: () => void): unknown;
}

const ERASE_LINE_AND_GO_UP = "\x1b[2K\x1b[1A";

/**
 * The terminal as Ink sees it: the same stream with a width of our choosing, and with resize events of our timing. A terminal
 * that is made narrower breaks the lines of the live area in two, and Ink, which counts the lines it wrote, would leave their
 * upper halves behind; `fit` takes them away first. (A terminal that cuts instead of breaking loses as many finished lines.)
 */
export class LiveStream extends EventEmitter {
  readonly isTTY: boolean;
  readonly writable = true;
  readonly #terminal: TerminalStream;
  readonly #fit: (terminal: number | undefined) => number;
  #width: number;

  /** `fit` chooses the width to draw in from that of the terminal. */
  constructor(terminal: TerminalStream, fit: (terminal: number | undefined) => number) {
    super();
    this.isTTY = terminal.isTTY ?? false;
    this.#terminal = terminal;
    this.#fit = fit;
    this.#width = this.columns;
  }

  get columns(): number {
    return Math.max(1, this.#fit(this.#terminal.getWindowSize?.()[0] ?? this.#terminal.columns));
  }

  get rows(): number {
    return this.#terminal.getWindowSize?.()[1] ?? this.#terminal.rows ?? 24;
  }

  write(text: string, callback?: () => void): boolean {
    return this.#terminal.write(text, callback);
  }

  /** Before every frame, `lines` being the live area on the screen: tells Ink of a new width. */
  fit(lines: readonly string[]): void {
    const before = this.#width;
    this.#width = this.columns;
    if (this.#width < before) this.#eraseBroken(lines);
    if (this.#width !== before) this.emit("resize");
  }

  #eraseBroken(lines: readonly string[]): void {
    const rows = lines.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / this.#width)),
      0,
    );
    const extra = Math.min(rows - lines.length, this.rows - lines.length - 1);
    if (extra > 0) this.#terminal.write(ERASE_LINE_AND_GO_UP.repeat(extra));
  }
}
