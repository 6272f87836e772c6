import { expect, test } from "vitest";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { failureOf } from "./failure.ts";

/** What people get wrong. `caret` is the text that the caret must stand under, on `line`. */
const MISTAKES = [
  {
    name: "a misspelt instruction",
    text: "FROM a\nRUNN npm ci\n",
    code: "dockerfile/unknown-instruction",
    line: 2,
    caret: "RUNN",
    hint: "Did you mean RUN?",
  },
  {
    name: "a line that lacks the backslash above",
    text: "FROM a\nRUN apt-get update &&\n    apt-get install -y curl\n",
    code: "dockerfile/unknown-instruction",
    line: 3,
    caret: "apt-get",
    hint: "backslash",
  },
  {
    name: "a misspelt flag",
    text: "FROM a\nCOPY --chwon=node . /app\n",
    code: "dockerfile/unknown-flag",
    line: 2,
    caret: "--chwon",
    hint: "Did you mean --chown? COPY knows --chown, --from, --chmod, --link, --exclude, --parents.",
  },
  {
    name: "a flag of another instruction",
    text: "FROM a\nADD --from=build /x /y\n",
    code: "dockerfile/unknown-flag",
    line: 2,
    caret: "--from",
    hint: "--from belongs to COPY.",
  },
  {
    name: "a flag where none is known",
    text: "FROM a\nWORKDIR --create /app\n",
    code: "dockerfile/unknown-flag",
    line: 2,
    caret: "--create",
    hint: "WORKDIR takes no flags.",
  },
  {
    name: "a flag's value behind a blank",
    text: "FROM a\nCOPY --from build /x /y\n",
    code: "dockerfile/bad-flag",
    line: 2,
    caret: "--from",
    hint: "behind an =",
  },
  {
    name: "a flag given twice, on a later line",
    text: "FROM a\nCOPY --chown=1 \\\n  --chown=2 . /app\n",
    code: "dockerfile/bad-flag",
    line: 3,
    caret: "--chown=2",
    hint: "Keep one",
  },
  {
    name: "a COPY without a destination",
    text: "FROM a\nCOPY package.json\n",
    code: "dockerfile/bad-arguments",
    line: 2,
    caret: "package.json",
    hint: "COPY package.json destination",
  },
  {
    name: "a comment behind FROM",
    text: "FROM debian:12 # stable\n",
    code: "dockerfile/bad-arguments",
    line: 1,
    caret: "#",
    hint: "line of its own",
  },
  {
    name: "FROM without an image",
    text: "FROM\n",
    code: "dockerfile/bad-arguments",
    line: 1,
    caret: "FROM",
    hint: "FROM scratch",
  },
  {
    name: "AS without a name",
    text: "FROM debian AS\nRUN true\n",
    code: "dockerfile/bad-arguments",
    line: 1,
    caret: "AS",
    hint: "FROM debian AS build",
  },
  {
    name: "a stage name that begins with a digit",
    text: "FROM debian AS 2nd\n",
    code: "plan/bad-stage-name",
    line: 1,
    caret: "2nd",
    hint: "begins with a letter",
  },
  {
    name: "an instruction above the first FROM",
    text: "# base\nENV A=1\nFROM a\n",
    code: "dockerfile/before-from",
    line: 2,
    caret: "ENV",
    hint: "Only ARG may stand above it",
  },
  {
    name: "numbers in the exec form",
    text: 'FROM a\nCMD ["sleep", 1]\n',
    code: "dockerfile/bad-json",
    line: 2,
    caret: '["sleep", 1]',
    hint: "double quotes",
  },
  {
    name: "SHELL in shell form",
    text: "FROM a\nSHELL /bin/bash -c\n",
    code: "dockerfile/bad-json",
    line: 2,
    caret: "/bin/bash -c",
    hint: '["/bin/bash", "-c"]',
  },
  {
    name: "a heredoc whose end is indented",
    text: "FROM a\nRUN <<EOF\necho hi\n  EOF\n",
    code: "dockerfile/unterminated-heredoc",
    line: 2,
    caret: "<<EOF",
    hint: "EOF alone on the line",
  },
  {
    name: "an ENV value with an unquoted blank",
    text: "FROM a\nENV NAME=two words\n",
    code: "dockerfile/bad-arguments",
    line: 2,
    caret: "words",
    hint: "quotes",
  },
  {
    name: "an ENV without a value",
    text: "FROM a\nENV NAME\n",
    code: "dockerfile/bad-arguments",
    line: 2,
    caret: "NAME",
    hint: "ENV NAME=value",
  },
  {
    name: "a blank before the = of ARG",
    text: "FROM a\nARG VERSION =1\n",
    code: "dockerfile/bad-arguments",
    line: 2,
    caret: "=1",
    hint: "before the =",
  },
  {
    name: "a duration without a unit",
    text: "FROM a\nHEALTHCHECK --interval=30 CMD true\n",
    code: "dockerfile/bad-flag",
    line: 2,
    caret: "--interval=30",
    hint: "30s",
  },
  {
    name: "a HEALTHCHECK without CMD",
    text: "FROM a\nHEALTHCHECK --retries=2 curl -f localhost\n",
    code: "dockerfile/bad-arguments",
    line: 2,
    caret: "curl",
    hint: "CMD command",
  },
  {
    name: "a network that does not exist",
    text: "FROM a\nRUN --network=noen true\n",
    code: "dockerfile/bad-flag",
    line: 2,
    caret: "--network=noen",
    hint: "Did you mean none?",
  },
  {
    name: "a variable in the from of a mount",
    text: "FROM a\nRUN --mount=from=$base,target=/x true\n",
    code: "dockerfile/bad-flag",
    line: 2,
    caret: "--mount=from=$base,target=/x",
    hint: "FROM $X AS name",
  },
  {
    name: "ONBUILD FROM",
    text: "FROM a\nONBUILD FROM b\n",
    code: "dockerfile/bad-arguments",
    line: 2,
    caret: "FROM",
    hint: "instructions of a stage",
  },
  {
    name: "a wrong escape character",
    text: "# escape=/\nFROM a\n",
    code: "dockerfile/bad-directive",
    line: 1,
    caret: "/",
    hint: "backtick",
  },
] as const;

test.each(MISTAKES)("$name: $code under $caret", ({ text, code, line, caret, hint }) => {
  const error = failureOf(() => parseDockerfile({ name: "Dockerfile", text }));
  expect(error.code).toBe(code);
  const at = error.details.at;
  expect(at?.line).toBe(line);
  expect(text.split("\n")[line - 1]?.slice((at?.column ?? 0) - 1, (at?.endColumn ?? 0) - 1)).toBe(caret);
  expect(error.details.hint).toContain(hint);
});

test("an empty file, and one of comments only, have no place to point at but a next step", () => {
  for (const text of ["", "\n\n", "# just a comment\n"]) {
    const error = failureOf(() => parseDockerfile({ name: "Dockerfile", text }));
    expect(error.code).toBe("dockerfile/empty");
    expect(error.details.hint).toContain("FROM");
  }
});

test("a directive given twice names both lines", () => {
  const text = "# escape=`\n# syntax=x\n# escape=`\nFROM a\n";
  const error = failureOf(() => parseDockerfile({ name: "Dockerfile", text }));
  expect(error.message).toContain("lines 1 and 3");
  expect(error.details.at).toMatchObject({ line: 1, endLine: 3 });
});

test("a message never carries a whole binary file", () => {
  const error = failureOf(() =>
    parseDockerfile({ name: "Dockerfile", text: `FROM a\n${"\u0001".repeat(60_000)}\n` }),
  );
  expect(error.message.length).toBeLessThan(200);
});
