import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  cutStartToWidth,
  cutToWidth,
  displayWidth,
  expandTabs,
  padToWidth,
} from "../../src/progress/display-width.ts";

describe("a text is as wide as a terminal draws it", () => {
  test.each([
    { name: "ASCII", text: "RUN npm ci", width: 10 },
    { name: "CJK", text: "资产", width: 4 },
    { name: "Hangul", text: "한국", width: 4 },
    { name: "fullwidth forms", text: "ＡＢ", width: 4 },
    { name: "emoji", text: "🎉", width: 2 },
    { name: "a family of four joined", text: "👩‍👩‍👧‍👦", width: 2 },
    { name: "a flag", text: "🇩🇪", width: 2 },
    { name: "a keycap", text: "1\ufe0f\u20e3", width: 2 },
    { name: "a heart as emoji", text: "❤\ufe0f", width: 2 },
    { name: "a heart as text", text: "❤\ufe0e", width: 1 },
    { name: "a hand with a skin colour", text: "👍🏽", width: 2 },
    { name: "Latin letters", text: "Größe", width: 5 },
    { name: "a soft hyphen", text: "a\u00adb", width: 3 },
    { name: "a combining accent", text: "e\u0301", width: 1 },
    { name: "box drawing and ellipsis", text: "│…·", width: 3 },
    { name: "colours", text: "\x1b[1;31merror\x1b[0m", width: 5 },
  ])("$name", ({ text, width }) => expect(displayWidth(text)).toBe(width));
});

describe("cutting", () => {
  test.each([
    { name: "leaves what fits", text: "abc", columns: 3, cut: "abc" },
    { name: "marks what it cut", text: "abcdef", columns: 4, cut: "abc…" },
    { name: "never splits a wide character", text: "资产资产", columns: 4, cut: "资…" },
    { name: "closes open colours", text: "\x1b[32mabcdef\x1b[0m", columns: 4, cut: "\x1b[32mabc…\x1b[0m" },
    { name: "goes down to nothing", text: "abc", columns: 0, cut: "" },
  ])("$name", ({ text, columns, cut }) => expect(cutToWidth(text, columns)).toBe(cut));

  test("from the start keeps the end", () => expect(cutStartToWidth("/very/long/path", 8)).toBe("…ng/path"));

  test("gives no more columns than asked for, whatever the text", () => {
    const styled = fc
      .array(
        fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("\x1b[31m", "\x1b[0m", "资", "👩‍👩‍👧‍👦")),
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(styled, fc.integer({ min: 0, max: 40 }), (text, columns) => {
        expect(displayWidth(cutToWidth(text, columns))).toBeLessThanOrEqual(columns);
        expect(displayWidth(cutStartToWidth(text, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });

  test("a line of a million characters is cut without being measured", () => {
    expect(cutToWidth("x".repeat(1_000_000), 10)).toBe("xxxxxxxxx…");
  });
});

test("tabs go to the next stop of eight, from where the text begins", () => {
  expect(expandTabs("a\tb")).toBe("a       b");
  expect(expandTabs("a\tb", 6)).toBe("a b");
  expect(expandTabs("资\tb")).toBe("资      b");
});

test("padding counts columns, not characters", () => expect(padToWidth("资", 4)).toBe("资  "));
