import { EventEmitter } from "node:events";
import { renderToString } from "ink";
import { describe, expect, test } from "vitest";
import type { BuildEvent } from "../../src/core/events.ts";
import { displayWidth } from "../../src/progress/display-width.ts";
import { BuildScreen } from "../../src/tui/build-screen.tsx";
import { LiveStream } from "../../src/tui/live-stream.ts";
import { renderBuild } from "../../src/tui/render-build.tsx";
import { parallelBuild, sampleBuild } from "../progress/scripted-build.ts";

/** A terminal that keeps what was written to it. */
class Terminal extends EventEmitter {
  readonly isTTY = true;
  columns: number;
  rows = 24;
  text = "";

  constructor(columns = 80) {
    super();
    this.columns = columns;
  }

  write(text: string, callback?: () => void): boolean {
    this.text += text;
    callback?.();
    return true;
  }
}

async function* replay(events: readonly BuildEvent[]): AsyncGenerator<BuildEvent> {
  for (const event of events) {
    yield event;
    if (event.type === "step-started") await new Promise(setImmediate);
  }
}

/** An engine that throws in the middle of a build. */
async function* breakingOff(): AsyncGenerator<BuildEvent> {
  yield* sampleBuild().slice(0, 5);
  throw new Error("engine");
}

/** The lines a screen would hold in the end: what was drawn and erased again is not there. */
function screenOf(text: string): string[] {
  const lines = [""];
  let row = 0;
  for (const [token] of text.matchAll(/\x1b\[(\??\d*)([A-Za-z])|\n|[^\x1b\n]+/g)) {
    if (token === "\n") {
      row += 1;
      lines[row] ??= "";
    } else if (token === "\x1b[2K") lines[row] = "";
    else if (token === "\x1b[1A") row = Math.max(0, row - 1);
    else if (!token.startsWith("\x1b")) lines[row] += token;
  }
  return lines;
}

test("the screen draws finished lines above live ones", () => {
  const frame = { finished: [{ key: 0, lines: [" HIT   1/2 FROM a"] }], live: [" run   2/2 RUN b", ""] };
  expect(renderToString(<BuildScreen frame={frame} />, { columns: 40 })).toBe(
    " HIT   1/2 FROM a\n run   2/2 RUN b\n",
  );
});

test("a line that is too wide is cut, not wrapped", () => {
  const frame = { finished: [], live: ["x".repeat(50)] };
  expect(renderToString(<BuildScreen frame={frame} />, { columns: 10 })).toBe(`${"x".repeat(9)}…`);
});

describe("a whole build on a terminal", () => {
  test.each([40, 80, 200])("leaves its rows and the last line on a screen of %d columns", async (columns) => {
    const terminal = new Terminal(columns);
    await renderBuild(replay(sampleBuild()), { stderr: terminal, colours: false }).done;
    const screen = screenOf(terminal.text).filter((line) => line !== "");
    expect(screen.filter((line) => /^ (?:HIT|MISS) /.test(line))).toHaveLength(6);
    expect(screen.some((line) => /^ (?:run|wait) /.test(line))).toBe(false);
    expect(screen.find((line) => line.startsWith("hello:1.0.0"))).toBeDefined();
    for (const line of screen) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
  });

  test("no sequence of a build's output reaches the terminal, nor a colour without colours", async () => {
    const terminal = new Terminal();
    await renderBuild(replay(parallelBuild()), { stderr: terminal, colours: false }).done;
    expect(terminal.text).not.toMatch(/\x1b\[[\d;]*m|\x1b\[2J|\x1b\[H|\x07/);
    expect(screenOf(terminal.text).join("\n")).toContain(" FAIL  stage-3 4/4 RUN npmm run build");
  });

  test("the cursor is shown again and every synchronised update is ended", async () => {
    const terminal = new Terminal();
    await renderBuild(replay(sampleBuild()), { stderr: terminal, colours: true }).done;
    expect(terminal.text.lastIndexOf("\x1b[?25h")).toBeGreaterThan(terminal.text.lastIndexOf("\x1b[?25l"));
    expect(terminal.text.split("\x1b[?2026h")).toHaveLength(terminal.text.split("\x1b[?2026l").length);
  });

  test("unmount takes the live area away and ends", async () => {
    const terminal = new Terminal();
    const listeners: ((event: BuildEvent) => void)[] = [];
    const display = renderBuild(
      (listener) => {
        listeners.push(listener);
        return () => undefined;
      },
      { stderr: terminal, colours: false },
    );
    const emit = (event: BuildEvent) => listeners.forEach((listen) => listen(event));
    for (const event of sampleBuild().slice(0, 8)) emit(event);
    display.unmount();
    display.unmount();
    await display.done;
    emit(sampleBuild().at(-1) as BuildEvent);
    expect(screenOf(terminal.text).some((line) => /^ (?:run|wait) /.test(line))).toBe(false);
    expect(terminal.listenerCount("resize")).toBe(0);
  });

  test("events that break off end the display", async () => {
    await expect(
      renderBuild(breakingOff(), { stderr: new Terminal(), colours: false }).done,
    ).resolves.toBeUndefined();
  });
});

test("a terminal made narrower gets the broken halves of the live area erased", () => {
  const terminal = new Terminal(80);
  const stream = new LiveStream(terminal, (columns) => columns ?? 80);
  let resizes = 0;
  stream.on("resize", () => void (resizes += 1));
  terminal.columns = 30;
  stream.fit(["x".repeat(70), "short", "y".repeat(31)]);
  expect(terminal.text).toBe("\x1b[2K\x1b[1A".repeat(3));
  stream.fit(["short"]);
  expect(resizes).toBe(1);
});
