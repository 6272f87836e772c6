import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";
import { openTerminal, type Terminal } from "../helpers/terminal.ts";

const dir = tempDir("tui");
const home = join(dir.path, "store");

/** A step that goes on for a while after its output, so that a test sees the screen while it runs; and lines longer than a terminal. */
const DOCKERFILE = `FROM base
WORKDIR /app
RUN echo quick
COPY . .
RUN i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo "line $i $(printf 'x%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20)yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"; done; printf '\\033[2Jevil\\a\\n'; sleep 2
CMD ["sh"]
`;

beforeAll(() => void tsbuild(["base", "create", "base:latest", "sh", "sleep"], { home }));
afterAll(() => dir[Symbol.dispose]());

function project(name: string): string {
  const path = join(dir.path, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "Dockerfile"), DOCKERFILE);
  writeFileSync(join(path, "seed.txt"), name);
  return path;
}

function terminal(
  columns: number,
  rows: number,
  name: string,
  env: Readonly<Record<string, string>> = {},
): Terminal {
  return openTerminal({ columns, rows }, { cwd: project(name), env: { TSBUILD_HOME: home, ...env } });
}

function widest(screen: string): number {
  return Math.max(...screen.split("\n").map((line) => line.length));
}

describe.each([
  { columns: 80, rows: 24 },
  { columns: 200, rows: 60 },
])("a build on a terminal of $columns columns", ({ columns, rows }) => {
  test("draws what runs, leaves a line a step, and never a line too wide", async () => {
    using screen = terminal(columns, rows, `size-${columns}`);
    screen.type("tsbuild -t sized:1 .; echo ended $?", "Enter");
    const running = await screen.shows(/│ line 40 /);
    expect(running).toMatch(/^ run {3}5\/6 RUN i=0/m);
    expect(running).toMatch(/^ wait {2}6\/6 CMD/m);
    expect(running.split("\n").filter((line) => /^ (run|wait) |^ +│/.test(line)).length).toBeLessThanOrEqual(
      10,
    );
    const done = await screen.shows(/^ended 0/m);
    expect(widest(done)).toBeLessThanOrEqual(columns);
    expect(done.match(/^ (HIT|MISS) +\d\/6 /gm)).toHaveLength(6);
    expect(done).not.toMatch(/^ (run|wait) /m);
    expect(done).toMatch(/^sized:1 {2}sha256:/m);
  });
});

test("a terminal made narrower and wider while a step runs keeps whole lines", async () => {
  using screen = terminal(120, 30, "resized");
  screen.type("tsbuild -t resized:1 .; echo ended $?", "Enter");
  await screen.shows(/│ line 40 /);
  screen.resize(60, 20);
  await screen.shows(/^ run {3}5\/6 .{1,53}$/m);
  screen.resize(100, 30);
  const done = await screen.shows(/^ended 0/m);
  expect(done).not.toMatch(/^ (run|wait) /m);
  expect(done.match(/^ MISS {2}5\/6 /gm)).toHaveLength(1);
  expect(done).not.toContain("│");
});

test("NO_COLOR draws the same without a colour", async () => {
  using screen = terminal(80, 24, "plain-colours", { NO_COLOR: "1" });
  screen.type("tsbuild -t nocolour:1 .; echo ended $?", "Enter");
  await screen.shows(/│ line 40 /);
  expect(screen.screen({ colours: true })).not.toMatch(/\x1b\[[0-9;]*m/);
  await screen.shows(/^ended 0/m);
});

test("Ctrl+C ends with 130 and cleans up; what was finished is a hit in the next build", async () => {
  using screen = terminal(80, 24, "canceled");
  screen.type("tsbuild -t canceled:1 .; echo ended $?", "Enter");
  await screen.shows(/│ line 40 /);
  screen.type("C-c");
  const ended = await screen.shows(/^ended 130/m);
  expect(ended).toMatch(/^error\[cli\/canceled\]: the build was canceled$/m);
  expect(ended).not.toMatch(/^ run /m);
  screen.type("clear; tmux clear-history; tsbuild -t canceled:1 .; echo over $?", "Enter");
  const next = await screen.shows(/^over 0/m);
  expect(next.slice(next.lastIndexOf("tsbuild canceled:1"))).toMatch(/^ HIT {3}4\/6 COPY/m);
});

test("in a pipe there is no sequence, and every line of the output", () => {
  const { stderr, stdout, status } = runTsbuild(["-t", "piped:1", "."], { home, cwd: project("piped") });
  expect(status).toBe(0);
  expect(stdout).toBe("");
  expect(stderr).not.toContain("\x1b");
  expect(stderr.match(/│ line \d+ /g)).toHaveLength(40);
});

test("in GitHub Actions steps are groups, a failure is an annotation, and the summary has a table", () => {
  const cwd = project("actions");
  const summary = join(dir.path, "summary.md");
  writeFileSync(summary, "");
  const env = { GITHUB_ACTIONS: "true", CI: "true", GITHUB_STEP_SUMMARY: summary };
  const good = runTsbuild(["-t", "actions:1", "."], { home, cwd, env });
  expect(good.status).toBe(0);
  expect(good.stderr).toMatch(/^::group::.*RUN i=0/m);
  expect(good.stderr).toContain("::endgroup::");
  expect(readFileSync(summary, "utf8")).toMatch(/^\|.*RUN i=0.*\|$/m);
  writeFileSync(join(cwd, "Dockerfile"), "FROM base\nRUN exit 4\n");
  const bad = runTsbuild(["-t", "actions:2", "."], { home, cwd, env });
  expect(bad.status).toBe(1);
  expect(bad.stderr).toMatch(/^::error file=Dockerfile,line=2/m);
  expect(tsbuild(["builds", "ls"], { home }).stdout).toContain("actions:1");
});
