import { render } from "ink";
import type { BuildEvent } from "../core/events.ts";
import { createPaint } from "../progress/paint.ts";
import type { LiveDisplay, LiveStart, Subscribe } from "../progress/tty.ts";
import { BuildFrames, type Frame } from "./build-frames.ts";
import { BuildScreen } from "./build-screen.tsx";
import { LiveStream, type TerminalStream } from "./live-stream.ts";
import { createRedrawTimer } from "./redraw-timer.ts";

export interface RenderBuildOptions {
  /** Where everything is drawn: process.stderr. */
  readonly stderr: TerminalStream;
  readonly colours: boolean;
  /** The width to draw in, given the terminal's; asked anew for every frame. */
  readonly columns?: ((terminal: number | undefined) => number) | undefined;
  readonly debug?: boolean | undefined;
  /** The build so far, where another renderer began. */
  readonly start?: LiveStart | undefined;
}

/**
 * Draws a build on a terminal: rows that ended scroll away, what goes on is drawn anew below them. `done` resolves once the last
 * frame is written, after `finished`, the end of the events or `unmount`; it never rejects. Reads no keys: Ctrl+C stays a signal.
 */
export function renderBuild(
  events: AsyncIterable<BuildEvent> | Subscribe,
  options: RenderBuildOptions,
): LiveDisplay {
  const { stderr, colours, debug = false } = options;
  const stream = new LiveStream(stderr, options.columns ?? ((terminal) => terminal ?? 80));
  const paint = createPaint(colours);
  const frames = new BuildFrames(options.start, () => ({
    columns: stream.columns,
    rows: stream.rows,
    paint,
    colours,
    debug,
  }));
  const clock = createBuildClock(frames.atMs);

  let shown: Frame = frames.next(clock());
  const ink = mount(shown, stream);
  const exited = ink.waitUntilExit();
  const draw = (next: () => Frame) => {
    stream.fit(shown.live);
    shown = next();
    ink.rerender(<BuildScreen frame={shown} />);
  };
  const timer = createRedrawTimer(() => draw(() => frames.next(clock())));
  stderr.on("resize", timer.now);

  let ended = false;
  let stopReading = ignore;
  const unmount = () => {
    if (ended) return;
    ended = true;
    stopReading();
    stderr.off("resize", timer.now);
    timer.stop();
    draw(() => frames.last());
    ink.unmount();
  };
  stopReading = follow(events, {
    onEvent(event) {
      if (ended) return;
      frames.onEvent(event);
      if (event.type === "finished") unmount();
      else timer.request();
    },
    onEnd: unmount,
  });
  return { done: exited.then(ignore, ignore), unmount };
}

function mount(frame: Frame, stream: LiveStream) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Ink reads of a stream what LiveStream has
  const stdout = stream as unknown as NodeJS.WriteStream;
  // Redraws are throttled by our timer; Ink's own throttle would only make the last frame late.
  return render(<BuildScreen frame={frame} />, {
    stdout,
    stderr: stdout,
    patchConsole: false,
    exitOnCtrlC: false,
    maxFps: 1000,
  });
}

/** Milliseconds since the build began, which was `atMs` just now. */
function createBuildClock(atMs: number): () => number {
  const startedAt = performance.now() - atMs;
  return () => performance.now() - startedAt;
}

interface Follower {
  onEvent(event: BuildEvent): void;
  onEnd(): void;
}

/** Both kinds of source as calls; returns what ends them. A source that fails ends the display, not the program. */
function follow(events: AsyncIterable<BuildEvent> | Subscribe, follower: Follower): () => void {
  if (typeof events === "function") return events((event) => follower.onEvent(event));
  let stopped = false;
  const read = async () => {
    try {
      for await (const event of events) {
        if (stopped) return;
        follower.onEvent(event);
      }
    } catch {
      // Whoever made the events reports why they stopped.
    }
    follower.onEnd();
  };
  void read();
  return () => {
    stopped = true;
  };
}

function ignore(): void {}
