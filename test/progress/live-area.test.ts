import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { displayWidth } from "../../src/progress/display-width.ts";
import { liveLines, MAX_LIVE_LINES } from "../../src/progress/live-area.ts";
import { createPaint } from "../../src/progress/paint.ts";
import { type Screen, scrollLines } from "../../src/progress/scrollback.ts";
import { type BuildView, EMPTY_VIEW, reduceView } from "../../src/progress/view.ts";
import { createScript, output, parallelBuild, sampleBuild, stageRows } from "./scripted-build.ts";

const screen = (columns: number, colours = false): Screen => ({
  columns,
  paint: createPaint(colours),
  colours,
  debug: true,
});

function views(): BuildView[] {
  return [sampleBuild(), parallelBuild()].flatMap((events) => {
    let view = EMPTY_VIEW;
    return events.map((event) => (view = reduceView(view, event)));
  });
}

test("no line is wider than the screen, and the live area is never higher than it may be", () => {
  const all = views();
  fc.assert(
    fc.property(
      fc.constantFrom(...all),
      fc.integer({ min: 1, max: 220 }),
      fc.integer({ min: -1, max: MAX_LIVE_LINES }),
      fc.boolean(),
      (view, columns, maxLines, colours) => {
        const live = liveLines(view, screen(columns, colours), { maxLines, nowMs: view.atMs + 4_000 });
        expect(live.length).toBeLessThanOrEqual(Math.max(0, maxLines));
        const kept = view.scrollback.flatMap((item) => scrollLines(view, item, screen(columns, colours)));
        for (const line of [...live, ...kept]) {
          expect(displayWidth(line)).toBeLessThanOrEqual(columns);
          expect(line).not.toContain("\n");
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("the sample stands in columns", () => {
  const view = sampleBuild().reduce(reduceView, EMPTY_VIEW);
  const kept = view.scrollback.flatMap((item) => scrollLines(view, item, screen(100)));
  expect(`\n${kept.join("\n")}\n`).toMatchInlineSnapshot(`
    "
    tsbuild hello:1.0.0   context 41 files 182 kB   Dockerfile (linux/amd64)
     HIT   1/6 FROM node:24-alpine                      sha256:999999…
     HIT   2/6 WORKDIR /app                             0 B
     MISS  3/6 COPY package.json package-lock.json ./   3.1 kB   0.1s  package-lock.json changed
     MISS  4/6 RUN npm ci                               48 MB    9.2s  step 3 changed
     MISS  5/6 RUN npm run build                        1.2 MB   3.4s  step 4 changed
     MISS  6/6 CMD ["node","dist/main.js"]              0 B            step 5 changed
    "
  `);
});

/** That many rows, all running. */
function many(count: number) {
  const script = createScript();
  script.add(0, {
    type: "planned",
    rows: stageRows(
      0,
      null,
      Array.from({ length: count }, (_, n) => `RUN job ${n}`),
    ),
  });
  for (let n = 0; n < count; n += 1) script.add(0, { type: "step-started", row: `s0.${n}` });
  return script;
}

function lines(script: ReturnType<typeof many>, maxLines = 10) {
  return liveLines(script.events.reduce(reduceView, EMPTY_VIEW), screen(80), { maxLines, nowMs: 5_000 });
}

describe("the live area", () => {
  test("counts the rows that it has no room for", () => {
    const shown = lines(many(14));
    expect(shown).toHaveLength(10);
    expect(shown.at(-1)).toContain("… 5 more running");
  });

  test("gives every row its newest line before any gets a second", () => {
    const script = many(3);
    for (const row of ["s0.0", "s0.1", "s0.2"]) script.add(0, output(row, `old ${row}\nnew ${row}\n`));
    const shown = lines(script, 7);
    expect(shown.filter((line) => line.includes("new"))).toHaveLength(3);
    expect(shown.filter((line) => line.includes("old"))).toHaveLength(1);
  });

  test("shows how long a row has been running", () =>
    expect(lines(many(1))[0]).toMatch(/ run {3}1\/1 RUN job 0 +5\.0s$/));

  test("is empty once the build has ended", () => {
    const view = sampleBuild().reduce(reduceView, EMPTY_VIEW);
    expect(liveLines(view, screen(80), { maxLines: 10, nowMs: 0 })).toEqual([]);
  });
});
