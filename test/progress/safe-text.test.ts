import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitOutput } from "../../src/progress/output-lines.ts";
import { lastState, safeName, safeOutput } from "../../src/progress/safe-text.ts";

const plain = (text: string) => safeOutput(text, { colours: false });
const coloured = (text: string) => safeOutput(text, { colours: true });

/** Any text, but rich in what terminals act on. */
const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "\x1b",
        "\x1b[",
        "\x9b",
        "\x1b]0;",
        "\x07",
        "\x1b\\",
        "\x9c",
        "\x90",
        "m",
        "31",
        ";",
        "\u202e",
        "\ud800",
      ),
    ),
  )
  .map((parts) => parts.join(""));

describe("without colours nothing a terminal acts on is left", () => {
  test.each([
    { name: "colours", text: "\x1b[32mok\x1b[0m", safe: "ok" },
    { name: "screen clearing and cursor", text: "a\x1b[2J\x1b[Hb", safe: "ab" },
    { name: "a title with BEL", text: "a\x1b]0;owned\x07b", safe: "ab" },
    { name: "a title with ST", text: "a\x1b]0;owned\x1b\\b", safe: "ab" },
    { name: "a device string that would be answered", text: "a\x1bP$qm\x1b\\b", safe: "ab" },
    { name: "a string without an end hides nothing", text: "a\x1b]0;visible", safe: "a0;visible" },
    { name: "8-bit CSI", text: "a\x9b31mb", safe: "ab" },
    { name: "full reset", text: "a\x1bcb", safe: "ab" },
    { name: "bell, backspace, delete, NUL", text: "a\x07\x08\x7f\0b", safe: "ab" },
    { name: "a bidi override is shown", text: "a\u202eb", safe: "a\\u202eb" },
    { name: "a lone surrogate", text: "a\ud800b", safe: "a\ufffdb" },
    { name: "invalid UTF-8 that was decoded", text: "a\ufffdb", safe: "a\ufffdb" },
    { name: "tabs stay", text: "a\tb", safe: "a\tb" },
    { name: "a sequence cut off at the end", text: "a\x1b[3", safe: "a" },
  ])("$name", ({ text, safe }) => expect(plain(text)).toBe(safe));

  test("whatever the text", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(plain(text)).not.toMatch(/[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/);
        expect(safeName(text)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/);
        expect(safeName(text).isWellFormed()).toBe(true);
      }),
    );
  });
});

describe("with colours only colours are left", () => {
  test.each([
    { name: "plain colours, closed at the end", text: "\x1b[1;32mok", safe: "\x1b[1;32mok\x1b[0m" },
    {
      name: "256 and true colour",
      text: "\x1b[38;5;9mx\x1b[48;2;1;2;3my",
      safe: "\x1b[38;5;9mx\x1b[48;2;1;2;3my\x1b[0m",
    },
    { name: "colons", text: "\x1b[38:5:9mx", safe: "\x1b[38;5;9mx\x1b[0m" },
    { name: "concealing and blinking go", text: "\x1b[8;5;31mx", safe: "\x1b[31mx\x1b[0m" },
    { name: "concealing alone leaves no trace", text: "\x1b[8mx", safe: "x" },
    { name: "cursor movement goes", text: "\x1b[31m\x1b[5Ax", safe: "\x1b[31mx\x1b[0m" },
  ])("$name", ({ text, safe }) => expect(coloured(text)).toBe(safe));

  test("whatever the text", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(coloured(text).replace(/\x1b\[[\d;]*m/g, "")).not.toMatch(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/);
      }),
    );
  });

  test("a long run of introducers takes linear time", () => {
    expect(plain("\x9d".repeat(200_000))).toBe("");
    expect(plain("\x1b]".repeat(200_000))).toBe("");
  });
});

test("names show their control characters", () => {
  expect(safeName("a\nb\t\x1b[31m\u202e")).toBe("a\\nb\\t\\x1b[31m\\u202e");
});

describe("of a progress bar the last state is left", () => {
  test.each([
    ["10%\r20%\r30%", "30%"],
    ["10%\r20%\r", "20%"],
    ["done\r\r", "done"],
    ["plain", "plain"],
  ])("%j becomes %j", (line, shown) => expect(lastState(line)).toBe(shown));

  test("however the chunks are cut", () => {
    const text = "one\r\n10%\r20%\r\r\n\nlast\r50%\rend\n";
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        let pending = "";
        const lines: string[] = [];
        for (let index = 1; index < places.length; index += 1) {
          const split = splitOutput(pending, text.slice(places[index - 1], places[index]));
          lines.push(...split.lines);
          pending = split.pending;
        }
        expect({ lines, pending }).toEqual({ lines: ["one", "20%", "", "end"], pending: "" });
      }),
    );
  });

  test("a line that never ends is given out in pieces and not kept", () => {
    const split = splitOutput("x".repeat(60_000), "y".repeat(60_000));
    expect(split.lines).toHaveLength(1);
    expect(split.pending).toBe("");
  });
});
