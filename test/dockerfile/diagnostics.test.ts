import { expect, test } from "vitest";
import { renderSource } from "../../src/dockerfile/diagnostics.ts";

const draw = (
  text: string,
  place: readonly [line: number, column: number, endColumn: number, endLine?: number],
  label?: string,
) => {
  const [line, column, endColumn, endLine = line] = place;
  return renderSource({ name: "Dockerfile", text }, { line, column, endLine, endColumn }, label).join("\n");
};

test("a caret stands under the word, the line above is shown, the label beside the carets", () => {
  const text = "FROM a\nCOPY . .\r\nRUN npmm run build\nUSER x\n";
  expect(draw(text, [3, 5, 9], "sh: npmm: not found")).toBe(
    ["   2 | COPY . .", " > 3 | RUN npmm run build", "     |     ^^^^ sh: npmm: not found"].join("\n"),
  );
});

test("the first line stands alone, and a byte order mark moves nothing", () => {
  expect(draw("\uFEFFFRON a\n", [1, 1, 5])).toBe([" > 1 | FRON a", "     | ^^^^"].join("\n"));
});

test("numbers line up where they gain a digit", () => {
  expect(draw("x\n".repeat(9) + "RUNN y\n", [10, 1, 5])).toBe(
    ["    9 | x", " > 10 | RUNN y", "      | ^^^^"].join("\n"),
  );
});

test("a range over lines is marked to the end of its first", () => {
  expect(draw("RUN a \\\n  b\n", [1, 1, 4, 2])).toBe([" > 1 | RUN a \\", "     | ^^^^^^^"].join("\n"));
});

test("tabs, wide characters and marks before the word do not move the caret", () => {
  expect(draw("\tENV 한국=e\u0301 X\n", [1, 12, 13])).toBe(
    [" > 1 |  ENV 한국=e\u0301 X", "     |             ^"].join("\n"),
  );
});

test("control characters cannot reach the terminal", () => {
  const drawn = draw("RUN \u001b[31mred\u202e x\n", [1, 5, 6], "\u001b]0;title\u0007");
  expect(drawn).not.toMatch(/[\u001b\u0007\u202e]/);
});

test("a very long line is cut on both sides of the caret", () => {
  const text = `RUN ${"x".repeat(5000)}HERE${"y".repeat(5000)}\n`;
  const [line = "", carets = ""] = draw(text, [1, 5005, 5009]).split("\n");
  expect(line.length).toBeLessThan(200);
  expect(line.slice(carets.indexOf("^"), carets.lastIndexOf("^") + 1)).toBe("HERE");
});

test("a place outside the file draws nothing", () => {
  expect(renderSource({ name: "x", text: "a\n" }, { line: 7, column: 1, endLine: 7, endColumn: 2 })).toEqual(
    [],
  );
});

test("a place behind the end of its line still has a caret", () => {
  expect(draw("RUN\n", [1, 9, 10])).toBe([" > 1 | RUN", "     |    ^"].join("\n"));
});
