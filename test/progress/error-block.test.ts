import { describe, expect, test } from "vitest";
import { BuildError } from "../../src/core/errors.ts";
import { displayWidth } from "../../src/progress/display-width.ts";
import { renderErrorBlock } from "../../src/progress/error-block.ts";

const text = [
  "FROM node:24-alpine AS build",
  "WORKDIR /app",
  "COPY package*.json ./",
  "RUN npm ci",
  "# the sources",
  "COPY . .",
  "RUN npmm run build",
  "",
].join("\n");
const source = { name: "Dockerfile", text };

function block(error: BuildError, more: { text?: string; columns?: number; colours?: boolean } = {}): string {
  return renderErrorBlock(error, {
    source: { ...source, text: more.text ?? text },
    colours: more.colours ?? false,
    columns: more.columns,
  });
}

const at = (line: number, column: number, endColumn: number, endLine = line) => ({
  line,
  column,
  endLine,
  endColumn,
});
const npmm = new BuildError("run/exit-nonzero", "RUN ended with exit code 127", {
  at: at(7, 5, 9),
  step: "stage build, step 5/6",
  label: "sh: npmm: not found",
  hint: "did you mean `npm`?   look around: tsbuild build --shell-on-error .",
  logPath: "builds/01JD/5.log",
  logLines: 212,
});

test("one cause, one place, one next step", () => {
  expect(block(npmm)).toBe(
    [
      "error[run/exit-nonzero]: RUN ended with exit code 127",
      "  --> Dockerfile:7:5   (stage build, step 5/6)",
      "   6 | COPY . .",
      " > 7 | RUN npmm run build",
      "     |     ^^^^ sh: npmm: not found",
      " hint: did you mean `npm`?   look around: tsbuild build --shell-on-error .",
      " log:  builds/01JD/5.log (212 lines)",
      "",
    ].join("\n"),
  );
});

test("colours change nothing but colours", () => {
  const coloured = block(npmm, { colours: true });
  expect(coloured).toContain("\x1b[1;31merror[run/exit-nonzero]\x1b[0m");
  expect(coloured.replace(/\x1b\[[\d;]*m/g, "")).toBe(block(npmm));
});

test("an error without a place is its message and its hint", () => {
  const error = new BuildError("store/disk-full", "no space left", { hint: "tsbuild cache prune" });
  expect(block(error)).toBe("error[store/disk-full]: no space left\n hint: tsbuild cache prune\n");
});

test("another file than the Dockerfile is named, and not mistaken for it without its text", () => {
  const error = new BuildError("context/bad-ignore-file", "bad pattern", {
    at: at(2, 1, 3),
    file: ".dockerignore",
  });
  expect(renderErrorBlock(error, { colours: false })).toBe(
    "error[context/bad-ignore-file]: bad pattern\n  --> .dockerignore:2:1\n",
  );
});

function badFlag(column: number, endColumn: number): BuildError {
  return new BuildError("dockerfile/bad-flag", "bad", { at: at(1, column, endColumn) });
}

describe("the caret stands below what it means", () => {
  test.each([
    { name: "after CJK", line: "RUN 资产 bad", bad: "bad" },
    { name: "below CJK", line: "RUN 资产 x", bad: "资产" },
    { name: "after an emoji", line: "RUN 🎉👩‍👩‍👧‍👦 bad", bad: "bad" },
    { name: "after tabs", line: "RUN\tx\tbad", bad: "bad" },
    { name: "after a combining accent", line: "RUN e\u0301 bad", bad: "bad" },
    { name: "after control characters", line: "RUN \x1b[31m\u202e bad", bad: "bad" },
    { name: "at the end of a line", line: "RUN bad", bad: "bad" },
  ])("$name", ({ line, bad }) => {
    const start = line.indexOf(bad);
    const shown = block(badFlag(start + 1, start + 1 + bad.length), { text: line }).split("\n");
    const [, , code = "", carets = ""] = shown;
    expect(displayWidth(code.slice(0, code.lastIndexOf(bad)))).toBe(carets.indexOf("^"));
    expect(carets.trim()).toBe(
      `| ${" ".repeat(carets.indexOf("^") - 7)}${"^".repeat(displayWidth(bad))}`.trim(),
    );
  });

  test("an empty place is one caret, one past the end too", () => {
    expect(block(badFlag(5, 5), { text: "RUN x" })).toContain("     ^\n");
    expect(block(badFlag(40, 44), { text: "RUN x" })).toContain("     |      ^\n".slice(2));
  });

  test("a line that is too long is cut around it", () => {
    const line = `RUN ${"a".repeat(200)} bad ${"b".repeat(200)}`;
    const shown = block(badFlag(206, 209), { text: line, columns: 60 }).split("\n");
    const [, , code = "", carets = ""] = shown;
    for (const row of shown.slice(2)) expect(displayWidth(row)).toBeLessThanOrEqual(60);
    expect(code.slice(carets.indexOf("^"), carets.lastIndexOf("^") + 1)).toBe("bad");
  });
});

test("an instruction of several lines is marked on each of them, and a long one is folded", () => {
  const lines = ["FROM a", "RUN one && \\", "  two && \\", "  three", "CMD x"];
  const error = new BuildError("run/exit-nonzero", "bad", { at: at(2, 5, 8, 4) });
  expect(
    block(error, { text: lines.join("\r\n") })
      .split("\n")
      .slice(2, -1),
  ).toEqual([
    "   1 | FROM a",
    " > 2 | RUN one && \\",
    "     |     ^^^^^^",
    " > 3 |   two && \\",
    " > 4 |   three",
  ]);
  const long = ["RUN a \\", ...Array.from({ length: 20 }, () => "  b \\"), "  c"];
  const folded = block(new BuildError("run/exit-nonzero", "bad", { at: at(1, 1, 4, 22) }), {
    text: long.join("\n"),
  });
  expect(folded).toContain("… 16 more lines");
});

test("a message of several lines stays below its code, and cannot forge another block", () => {
  const error = new BuildError("image/not-found", "no such image\nerror[fake]: \x1b[2Jx");
  expect(block(error)).toBe("error[image/not-found]: no such image\n  error[fake]: \\x1b[2Jx\n");
});

test("a place outside the text shows no source", () => {
  expect(block(new BuildError("plan/no-stage", "no", { at: at(99, 1, 2) }))).toBe(
    "error[plan/no-stage]: no\n  --> Dockerfile:99:1\n",
  );
});
