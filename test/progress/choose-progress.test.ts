import { describe, expect, test } from "vitest";
import { chooseColumns, chooseProgress, parseProgressMode } from "../../src/progress/choose-progress.ts";

const TERMINAL = { TERM: "xterm-256color" };

describe("what is shown", () => {
  test.each([
    { name: "auto on a terminal", asked: "auto", isTTY: true, env: TERMINAL, mode: "tty" },
    { name: "auto in a pipe", asked: "auto", isTTY: false, env: TERMINAL, mode: "plain" },
    { name: "auto on a dumb terminal", asked: "auto", isTTY: true, env: { TERM: "dumb" }, mode: "plain" },
    { name: "auto in CI", asked: "auto", isTTY: true, env: { ...TERMINAL, CI: "true" }, mode: "plain" },
    {
      name: "auto with CI=false",
      asked: "auto",
      isTTY: true,
      env: { ...TERMINAL, CI: "false" },
      mode: "tty",
    },
    {
      name: "auto with BUILDKIT_PROGRESS",
      asked: "auto",
      isTTY: true,
      env: { BUILDKIT_PROGRESS: "json" },
      mode: "json",
    },
    {
      name: "auto with an unknown BUILDKIT_PROGRESS",
      asked: "auto",
      isTTY: true,
      env: { BUILDKIT_PROGRESS: "x" },
      mode: "tty",
    },
    {
      name: "a flag over BUILDKIT_PROGRESS",
      asked: "plain",
      isTTY: true,
      env: { BUILDKIT_PROGRESS: "json" },
      mode: "plain",
    },
    { name: "tty in a pipe", asked: "tty", isTTY: false, env: TERMINAL, mode: "plain" },
    {
      name: "tty in CI with a terminal",
      asked: "tty",
      isTTY: true,
      env: { ...TERMINAL, CI: "1" },
      mode: "tty",
    },
    { name: "quiet", asked: "quiet", isTTY: true, env: TERMINAL, mode: "quiet" },
    { name: "rawjson", asked: "rawjson", isTTY: true, env: TERMINAL, mode: "rawjson" },
  ] as const)("$name: $mode", ({ asked, isTTY, env, mode }) => {
    expect(chooseProgress(asked, { isTTY, env }).mode).toBe(mode);
  });
});

describe("colours", () => {
  test.each([
    { name: "on a terminal", isTTY: true, env: {}, colours: true },
    { name: "in a pipe", isTTY: false, env: {}, colours: false },
    { name: "NO_COLOR", isTTY: true, env: { NO_COLOR: "1" }, colours: false },
    { name: "an empty NO_COLOR is none", isTTY: true, env: { NO_COLOR: "" }, colours: true },
    { name: "FORCE_COLOR in a pipe", isTTY: false, env: { FORCE_COLOR: "1" }, colours: true },
    {
      name: "FORCE_COLOR over NO_COLOR",
      isTTY: true,
      env: { FORCE_COLOR: "1", NO_COLOR: "1" },
      colours: true,
    },
    { name: "FORCE_COLOR=0", isTTY: true, env: { FORCE_COLOR: "0" }, colours: false },
    { name: "a dumb terminal", isTTY: true, env: { TERM: "dumb" }, colours: false },
  ])("$name: $colours", ({ isTTY, env, colours }) => {
    expect(chooseProgress("auto", { isTTY, env }).colours).toBe(colours);
  });
});

test("groups and annotations are for plain lines on GitHub only", () => {
  const env = { GITHUB_ACTIONS: "true", CI: "true" };
  expect(chooseProgress("auto", { isTTY: false, env }).github).toBe(true);
  expect(chooseProgress("json", { isTTY: false, env }).github).toBe(false);
  expect(chooseProgress("auto", { isTTY: false, env: {} }).github).toBe(false);
});

test("COLUMNS may narrow a terminal and never widens it", () => {
  expect(chooseColumns(100, {})).toBe(100);
  expect(chooseColumns(100, { COLUMNS: "60" })).toBe(60);
  expect(chooseColumns(100, { COLUMNS: "200" })).toBe(100);
  expect(chooseColumns(100, { COLUMNS: "wide" })).toBe(100);
  expect(chooseColumns(undefined, { COLUMNS: "120" })).toBe(120);
  expect(chooseColumns(undefined, {})).toBe(80);
});

test("a mode that is none is told apart", () => expect(parseProgressMode("fancy")).toBeUndefined());
