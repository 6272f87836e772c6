import { describe, expect, test } from "vitest";
import type { Instruction } from "../../src/dockerfile/ast.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { failureOf } from "./failure.ts";

const parse = (text: string) => parseDockerfile({ name: "Dockerfile", text });

/** The one instruction behind FROM. */
function only(text: string): Instruction {
  const instruction = parse(`FROM base\n${text}`).stages[0]?.instructions[0];
  if (instruction === undefined) throw new Error("no instruction");
  return instruction;
}

describe("values come out as BuildKit's, not as an editor's", () => {
  test.each([
    {
      name: "blanks inside JSON strings stay",
      text: 'CMD ["sh", "-c", "mkdir -p /x"]',
      want: { command: { form: "exec", args: ["sh", "-c", "mkdir -p /x"] } },
    },
    {
      name: "JSON escapes are resolved",
      text: 'CMD ["a\\nb", "\\u00e9\\/"]',
      want: { command: { form: "exec", args: ["a\nb", "é/"] } },
    },
    {
      name: "a lone surrogate becomes U+FFFD",
      text: 'CMD ["\\ud800"]',
      want: { command: { form: "exec", args: ["\uFFFD"] } },
    },
    {
      name: "text behind the array makes it a shell form",
      text: 'CMD ["a"] b',
      want: { command: { form: "shell", line: '["a"] b' } },
    },
    {
      name: "a comma at the end makes it a shell form",
      text: 'RUN ["a",]',
      want: { command: { form: "shell", line: '["a",]' } },
    },
    {
      name: "a number too big for Go makes it a shell form",
      text: 'RUN ["a", 1e999]',
      want: { command: { form: "shell" } },
    },
    {
      name: "an array over lines with a comment between",
      text: 'RUN ["a", \\\n# c\n "b"]',
      want: { command: { form: "exec", args: ["a", "b"] } },
    },
    {
      name: "blanks around a continuation stay",
      text: "RUN echo hi \\\n   world",
      want: { command: { form: "shell", line: "echo hi    world" } },
    },
    {
      name: "an indented comment inside a continuation goes",
      text: "RUN a \\\n   # c\n && b",
      want: { command: { form: "shell", line: "a  && b" } },
    },
    {
      name: "a doubled escape at the end joins nothing",
      text: "RUN echo c:\\\\\nUSER x",
      want: { command: { form: "shell", line: "echo c:\\\\" } },
    },
    {
      name: "COPY splits at blanks, escapes stay",
      text: "COPY a\\ b c",
      want: { sources: ["a\\", "b"], dest: "c" },
    },
    { name: "COPY in JSON form", text: 'COPY ["a b", "/c d/"]', want: { sources: ["a b"], dest: "/c d/" } },
    {
      name: "quotes of flags are taken off",
      text: 'COPY --exclude="a b" --chown=a\\ b x /y',
      want: {
        flags: [
          { name: "exclude", value: "a b" },
          { name: "chown", value: "a b" },
        ],
      },
    },
    {
      name: "a lone -- ends the flags",
      text: "RUN -- --foo",
      want: { flags: [], command: { form: "shell", line: "--foo" } },
    },
    {
      name: "a switch may be negated in any case",
      text: "COPY --link=FALSE a /b",
      want: { flags: [{ name: "link", value: "false" }] },
    },
    {
      name: "flags beyond ASCII are read byte by byte, as in BuildKit",
      text: "COPY --exclude=ü.txt . /x",
      want: { flags: [{ name: "exclude", value: "Ã¼.txt" }], sources: ["."], dest: "/x" },
    },
    {
      name: "several ARGs on a line",
      text: 'ARG X Y="a b" Z=',
      want: {
        args: [
          { key: "X", value: undefined },
          { key: "Y", value: '"a b"' },
          { key: "Z", value: "" },
        ],
      },
    },
    {
      name: "ENV keeps quotes for the expansion",
      text: 'ENV "A"=1 B="x y"',
      want: {
        pairs: [
          { key: '"A"', value: "1", legacy: false },
          { key: "B", value: '"x y"', legacy: false },
        ],
      },
    },
    {
      name: "the old form of ENV takes the rest of the line",
      text: "ENV A  b = c",
      want: { pairs: [{ key: "A", value: "b = c", legacy: true }] },
    },
    { name: "ports come sorted", text: "EXPOSE 90 80/udp 443", want: { words: ["443", "80/udp", "90"] } },
    {
      name: "CMD without arguments is an empty shell form",
      text: "CMD",
      want: { command: { form: "shell", line: "" } },
    },
    { name: "USER takes the rest of the line", text: "USER a b", want: { type: "USER", value: "a b" } },
  ])("$name", ({ text, want }) => {
    expect(only(text)).toMatchObject(want);
  });
});

describe("HEALTHCHECK", () => {
  test.each([
    { text: "HEALTHCHECK CMD curl -f x", want: { test: ["CMD-SHELL", "curl -f x"] } },
    { text: 'healthcheck cmd ["curl", "x y"]', want: { test: ["CMD", "curl", "x y"] } },
    { text: "HEALTHCHECK none", want: { test: ["NONE"] } },
    {
      text: "HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=100ms --start-interval=2h --retries=+3 CMD x",
      want: { intervalNs: 90e9, timeoutNs: 1.5e9, startPeriodNs: 1e8, startIntervalNs: 7200e9, retries: 3 },
    },
    { text: "HEALTHCHECK --interval=0 --timeout=0s CMD x", want: { intervalNs: 0, timeoutNs: 0 } },
    { text: "HEALTHCHECK --interval= --retries= CMD x", want: { intervalNs: undefined, retries: undefined } },
    { text: "HEALTHCHECK --anything NONE", want: { test: ["NONE"] } },
  ])("$text", ({ text, want }) => {
    expect(only(text)).toMatchObject(want);
  });

  test.each(["1", "1d", "s", ".s", "1s1", "-1s", "1us", "99999999h", "1 s", "$T"])(
    "the interval %s is refused",
    (interval) => {
      expect(failureOf(() => only(`HEALTHCHECK "--interval=${interval}" CMD x`)).code).toMatch(
        /^dockerfile\//,
      );
      expect(failureOf(() => only(`HEALTHCHECK --interval="${interval}" CMD x`)).code).toBe(
        "dockerfile/bad-flag",
      );
    },
  );
});

describe("heredocs", () => {
  test.each([
    {
      name: "a body is exact, with what looks like comments and continuations",
      text: "RUN <<EOF\n# c\necho \\\n\n\tx\nEOF",
      body: "# c\necho \\\n\n\tx\n",
    },
    { name: "line ends of the file stay", text: "RUN <<EOF\r\na\r\nEOF\r", body: "a\r\n" },
    {
      name: "a file descriptor, a dash and quotes",
      text: 'RUN cat 3<<-"E O"\n\ta\n\tE O',
      body: "a\n",
      more: { name: "E O", fileDescriptor: 3, chomp: true, expand: false, raw: "\ta\n" },
    },
    { name: "an empty body", text: "COPY <<e /x\ne", body: "" },
  ])("$name", ({ text, body, more }) => {
    expect(only(text).heredocs).toMatchObject([{ content: body, ...more }]);
  });

  test.each([
    "RUN cat \\<<EOF",
    "CMD cat <<EOF",
    'RUN ["cat", "<<EOF"]',
    "RUN echo $((1<<2",
    "RUN echo 'a <<EOF'",
    "RUN a<<b",
  ])("%s opens none", (text) => {
    expect(only(text).heredocs).toEqual([]);
  });

  test("a blank may stand before the name, not behind the dash", () => {
    expect(only("RUN cat << EOF\nx\nEOF").heredocs).toMatchObject([{ name: "EOF", content: "x\n" }]);
    expect(only("RUN cat <<- EOF").heredocs).toEqual([]);
  });

  test("two on a line follow one another, and the next instruction comes behind both", () => {
    const { instructions } = parse("FROM a\nCOPY <<a <<'b' /x/\n1\na\n2\nb\nUSER z\n").stages[0] ?? {
      instructions: [],
    };
    expect(instructions).toMatchObject([
      {
        sources: ["<<a", "<<'b'"],
        dest: "/x/",
        heredocs: [
          { name: "a", content: "1\n", expand: true },
          { name: "b", content: "2\n", expand: false },
        ],
      },
      { type: "USER", at: { line: 7 } },
    ]);
  });

  test("inside a JSON array the word stands for an empty file", () => {
    expect(only('COPY ["<<f", "/x"]')).toMatchObject({ heredocs: [{ name: "f", content: "" }] });
  });

  test("as a destination one is refused", () => {
    expect(failureOf(() => only("COPY x <<EOF\nEOF")).details.at).toMatchObject({ line: 2, column: 8 });
  });
});

describe("ONBUILD", () => {
  test("keeps its trigger as text, bodies of heredocs included", () => {
    expect(only("onbuild  RUN  <<-EOF\n\techo a\n\tEOF\n")).toMatchObject({
      type: "ONBUILD",
      trigger: "RUN  <<-EOF\n\techo a\nEOF",
      inner: { type: "RUN", heredocs: [{ content: "echo a\n" }] },
    });
  });

  test("accepts a trigger that only the child build will refuse, with a warning that says so", () => {
    const ast = parse("FROM a\nONBUILD EXPOSE\n");
    expect(ast.stages[0]?.instructions[0]).toMatchObject({ trigger: "EXPOSE", inner: undefined });
    expect(ast.warnings).toMatchObject([{ rule: "InvalidOnbuildTrigger", at: { line: 2, column: 9 } }]);
  });
});

describe("the file around the instructions", () => {
  test("a byte order mark is no part of line one", () => {
    const ast = parse("\uFEFFFROM a AS b\nUSER x\n");
    expect(ast.stages[0]?.from).toMatchObject({ base: "a", at: { line: 1, column: 1, endColumn: 12 } });
    expect(failureOf(() => parse("\uFEFFFRON a\n")).details.at).toMatchObject({
      line: 1,
      column: 1,
      endColumn: 5,
    });
  });

  test.each([
    {
      name: "the escape directive changes continuations and quoting",
      text: "# escape=`\nFROM a\nRUN a `\n  b\\\nUSER c",
      types: ["RUN", "USER"],
      escape: "`",
    },
    {
      name: "an unknown directive ends them",
      text: "# foo=bar\n# escape=`\nFROM a\nRUN a `\nUSER c",
      types: ["RUN", "USER"],
      escape: "\\",
    },
    { name: "an empty line ends them", text: "\n# escape=`\nFROM a", types: [], escape: "\\" },
    { name: "their names know no case", text: "#ESCAPE = `  \nFROM a", types: [], escape: "`" },
  ])("$name", ({ text, types, escape }) => {
    const ast = parse(text);
    expect(ast.escape).toBe(escape);
    expect(ast.stages[0]?.instructions.map((instruction) => instruction.type)).toEqual(types);
  });

  test("ARGs above the first FROM stand apart, and stages hold their own", () => {
    const ast = parse("ARG V=1\nFROM a AS One\nUSER x\nFROM --platform=linux/arm64 one\n");
    expect(ast.metaArgs).toMatchObject([{ args: [{ key: "V", value: "1" }] }]);
    expect(ast.stages).toMatchObject([
      { index: 0, from: { stageName: "one", platform: undefined }, instructions: [{ type: "USER" }] },
      { index: 1, from: { stageName: undefined, platform: "linux/arm64" }, instructions: [] },
    ]);
  });

  test("an instruction spans its continuations and its heredocs, and its source is one line", () => {
    const ast = parse("FROM a\n  RUN echo \\\n# c\n  b <<E\nx\nE\n");
    expect(ast.stages[0]?.instructions[0]).toMatchObject({
      at: { line: 2, column: 3, endLine: 6, endColumn: 2 },
      source: "RUN echo   b <<E",
    });
  });

  test("warnings say what will hurt later, in the order of the file", () => {
    const ast = parse("FROM a\nRUN a \\\n\n b\nCMD ['x', 'y']\nSTOPSIGNAL --x 9\nRUN [ -f x ]\n");
    expect(ast.warnings.map(({ rule, at }) => [rule, at.line])).toEqual([
      ["NoEmptyContinuation", 3],
      ["InvalidJsonForm", 5],
      ["IgnoredFlag", 6],
    ]);
  });

  test("a line of 65,535 bytes is the longest", () => {
    const longest = `RUN ${"é".repeat((65_535 - 4) / 2 - 0.5)}x`;
    expect(Buffer.byteLength(longest)).toBe(65_535);
    expect(() => parse(`FROM a\n${longest}\n`)).not.toThrow();
    expect(failureOf(() => parse(`FROM a\n${longest}x\n`))).toMatchObject({
      code: "dockerfile/too-large",
      details: { at: { line: 2 } },
    });
  });
});
