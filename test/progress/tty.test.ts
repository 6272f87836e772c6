import { describe, expect, test } from "vitest";
import type { BuildEvent } from "../../src/core/events.ts";
import { createPaint } from "../../src/progress/paint.ts";
import { guardRenderer } from "../../src/progress/renderer.ts";
import {
  createTtyRenderer,
  type LiveDisplay,
  type LiveStart,
  type Subscribe,
} from "../../src/progress/tty.ts";
import { createScript, finished, sampleBuild, stageRows } from "./scripted-build.ts";

const screen = () => ({ columns: 100, paint: createPaint(false), colours: false, debug: false });

/** A live display that only notes what it gets. */
function recordingDisplay() {
  const seen: { start?: LiveStart; events: BuildEvent[]; unmounted: boolean } = {
    events: [],
    unmounted: false,
  };
  const begin = (start: LiveStart, subscribe: Subscribe): LiveDisplay => {
    seen.start = start;
    subscribe((event) => void seen.events.push(event));
    return { done: Promise.resolve(), unmount: () => void (seen.unmounted = true) };
  };
  return { seen, begin };
}

describe("on a terminal", () => {
  test("a build that only hits never loads the live display", async () => {
    const script = createScript();
    script.add(0, { type: "build-started", id: "b", tags: ["t"], dockerfile: "D", platform: "linux/amd64" });
    script.add(0, { type: "planned", rows: stageRows(0, null, ["FROM a", "RUN b"]) });
    script.add(0, finished("s0.0", "HIT"));
    script.add(0, finished("s0.1", "HIT"));
    let loads = 0;
    let text = "";
    const renderer = createTtyRenderer({
      write: (part) => void (text += part),
      screen,
      load: async () => {
        loads += 1;
        return recordingDisplay().begin;
      },
    });
    for (const event of script.events) renderer.onEvent(event);
    await renderer.finish();
    expect(loads).toBe(0);
    expect(text).toBe("tsbuild t   D (linux/amd64)\n HIT   1/2 FROM a\n HIT   2/2 RUN b    0 B\n");
  });

  test("the live display takes over where the screen is, and each event goes to one of the two", async () => {
    const { seen, begin } = recordingDisplay();
    const loaded = Promise.withResolvers<typeof begin>();
    let text = "";
    const renderer = createTtyRenderer({
      write: (part) => void (text += part),
      screen,
      load: () => loaded.promise,
    });
    const events = sampleBuild();
    const half = events.findIndex((event) => event.type === "step-output");
    for (const event of events.slice(0, half)) renderer.onEvent(event);
    loaded.resolve(begin);
    await loaded.promise;
    await Promise.resolve();
    for (const event of events.slice(half)) renderer.onEvent(event);
    await renderer.finish();
    expect(text.split("\n").filter((line) => line !== "")).toHaveLength(4);
    expect(seen.start?.printed).toBe(4);
    expect(seen.events).toEqual(events.slice(half));
  });

  test("where it cannot be loaded, rows are printed as they end", async () => {
    let text = "";
    const renderer = createTtyRenderer({
      write: (part) => void (text += part),
      screen,
      load: () => Promise.reject(new Error("no such module")),
    });
    for (const event of sampleBuild()) {
      renderer.onEvent(event);
      await Promise.resolve();
    }
    await renderer.finish();
    expect(text.match(/^ (?:HIT|MISS) /gm)).toHaveLength(6);
    expect(text).toContain("2 hits, 4 misses");
  });

  test("a display that is loaded too late is not begun", async () => {
    const { seen, begin } = recordingDisplay();
    const loaded = Promise.withResolvers<typeof begin>();
    const renderer = createTtyRenderer({ write: () => undefined, screen, load: () => loaded.promise });
    for (const event of sampleBuild().slice(0, 8)) renderer.onEvent(event);
    await renderer.finish();
    loaded.resolve(begin);
    await new Promise(setImmediate);
    expect(seen.start).toBeUndefined();
  });

  test("a build that breaks off takes the live area away", async () => {
    const { seen, begin } = recordingDisplay();
    const renderer = createTtyRenderer({ write: () => undefined, screen, load: async () => begin });
    for (const event of sampleBuild().slice(0, 8)) renderer.onEvent(event);
    await new Promise(setImmediate);
    await renderer.finish();
    expect(seen.unmounted).toBe(true);
  });
});

describe("a renderer that fails", () => {
  const [event] = sampleBuild() as [BuildEvent];

  test("does not fail the build, is reported once and left alone", async () => {
    const failures: unknown[] = [];
    let calls = 0;
    const renderer = guardRenderer(
      {
        onEvent() {
          calls += 1;
          throw new Error("broken");
        },
        finish: () => Promise.reject(new Error("broken too")),
      },
      (error) => failures.push(error),
    );
    renderer.onEvent(event);
    renderer.onEvent(event);
    await renderer.finish();
    expect(calls).toBe(1);
    expect(failures).toEqual([new Error("broken")]);
  });

  test("may fail at the end, and the reporter may fail as well", async () => {
    const renderer = guardRenderer(
      { onEvent: () => undefined, finish: () => Promise.reject(new Error("late")) },
      () => {
        throw new Error("reporter");
      },
    );
    await expect(Promise.resolve(renderer.finish())).resolves.toBeUndefined();
  });
});
