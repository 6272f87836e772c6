import { describe, expect, test } from "vitest";
import type { Change } from "../../src/core/cache-key.ts";
import { hintFor } from "../../src/operations/explain-hints.ts";
import type { BuiltStep } from "../../src/operations/types.ts";

const change = (kind: Change["kind"], subject: string): Change => ({ kind, subject, old: "1", new: "2" });
const follows = (ordinal: number) => [change("parent", `step ${ordinal}`)];

/** Rows of one stage: the instruction, why it missed (none: a hit), how long it took. */
function rows(...lines: readonly (readonly [string, readonly Change[], number])[]): BuiltStep[] {
  return lines.map(([instruction, reasons, seconds], i) => ({
    id: `s0.${i}`,
    stage: null,
    stageIndex: 0,
    line: i + 1,
    instruction,
    onbuild: false,
    ordinal: i + 1,
    total: lines.length,
    result: reasons.length > 0 ? "MISS" : "HIT",
    cache: reasons.length > 0 ? { status: "miss", reasons } : { status: "hit" },
    layer: null,
    seconds,
  }));
}

function hintOf(steps: readonly BuiltStep[], ordinal: number): string | null {
  const step = steps[ordinal - 1]!;
  return hintFor(step, step.cache.status === "miss" ? step.cache.reasons : [], steps);
}

describe("hints name what would have kept the hit, and the seconds it would have saved", () => {
  const sha = [change("arg", "SHA")];
  const file = (subject: string) => [change("file-content", subject)];

  test.each([
    {
      name: "an ARG moves down to its first use, past all that does not use it",
      steps: rows(
        ["FROM x", [], 0],
        ["ARG SHA", sha, 0],
        ["RUN a", sha, 2],
        ["RUN b", sha, 3],
        ["RUN c $SHA", sha, 4],
      ),
      at: 3,
      hint: "step 5 is the first to use SHA: with the ARG below step 4, steps 3 to 4 would have been a HIT and saved 5.0 s",
    },
    {
      name: "an ARG that nothing uses",
      steps: rows(["FROM x", [], 0], ["RUN a", sha, 0]),
      at: 2,
      hint: "no instruction uses SHA: with the ARG below step 2, this step would have been a HIT",
    },
    {
      name: "an ARG that the command uses",
      steps: rows(["FROM x", [], 0], ["RUN a ${SHA}", sha, 1]),
      at: 2,
      hint: null,
    },
    {
      name: "files that belong in .dockerignore, with what follows from them",
      steps: rows(["FROM x", [], 0], ["COPY . .", file(".git/index"), 1], ["RUN make", follows(2), 2]),
      at: 2,
      hint: "a line **/.git in .dockerignore would have kept this step a HIT and saved 3.0 s",
    },
    {
      name: "files of one ending that belong in .dockerignore",
      steps: rows(["FROM x", [], 0], ["COPY . .", [...file("a.log"), ...file("b/c.log")], 0]),
      at: 2,
      hint: "a line **/*.log in .dockerignore would have kept this step a HIT",
    },
    {
      name: "one file that belongs there and one that does not",
      steps: rows(["FROM x", [], 0], ["COPY . .", [...file("a.log"), ...file("b.c")], 0]),
      at: 2,
      hint: null,
    },
    {
      name: "modes alone",
      steps: rows(["FROM x", [], 0], ["COPY a /a", [change("file-mode", "a")], 1], ["RUN a", follows(2), 2]),
      at: 2,
      hint: "with --chmod on it the files' own modes would not be in the image, and what stands below would have been a HIT and saved 2.0 s",
    },
    {
      name: "a COPY of everything above an install",
      steps: rows(["FROM x", [], 0], ["COPY . .", file("main.js"), 1], ["RUN npm ci", follows(2), 9.2]),
      at: 2,
      hint: "split it: COPY package*.json above step 3 and the rest below would have kept that step a HIT and saved 9.2 s",
    },
    {
      name: "an install whose own files changed",
      steps: rows(["FROM x", [], 0], ["COPY . .", file("package.json"), 1], ["RUN npm ci", follows(2), 9]),
      at: 2,
      hint: null,
    },
    {
      name: "an install that missed for a reason of its own too",
      steps: rows(["FROM x", [], 0], ["COPY . .", file("a"), 1], ["RUN npm ci", [...sha, ...follows(2)], 9]),
      at: 2,
      hint: null,
    },
    {
      name: "a step that only follows",
      steps: rows(["FROM x", [], 0], ["RUN a", follows(1), 1]),
      at: 2,
      hint: null,
    },
  ])("$name", ({ steps, at, hint }) => {
    expect(hintOf(steps, at)).toBe(hint);
  });

  test("a command that failed: where the next build begins, and where its output is", () => {
    const [, run] = rows(["FROM x", [], 0], ["RUN a", [], 1]);
    expect(hintFor({ ...run!, result: "FAIL" }, [], [])).toContain("builds logs --step 2");
  });
});
