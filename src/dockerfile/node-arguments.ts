import { BuildError } from "../core/errors.ts";
import { isBlank, skipBlanks } from "./blanks.ts";
import { readJsonForm } from "./json-form.ts";
import { type LogicalLine, rangeOf, type Word, wordRange } from "./logical-line.ts";
import { quote } from "./quote.ts";
import { splitInTwo, splitOnBlanks, splitQuotedWords } from "./words.ts";

/** What stands behind keyword and flags, trimmed; `text` may be empty. */
export interface ArgumentText {
  readonly keyword: string;
  readonly argument: Word;
  readonly instruction: Word;
  readonly line: LogicalLine;
  readonly escape: string;
}

export interface ArgumentWords {
  readonly args: readonly Word[];
  readonly json: boolean;
}

type ArgumentReader = (input: ArgumentText) => ArgumentWords;

const READERS: Readonly<Record<string, ArgumentReader>> = {
  RUN: (input) => readCommand(input.argument, input),
  CMD: (input) => readCommand(input.argument, input),
  ENTRYPOINT: (input) => readCommand(input.argument, input),
  SHELL: (input) => readCommand(input.argument, input),
  COPY: readList,
  ADD: readList,
  VOLUME: readList,
  FROM: readWords,
  EXPOSE: readWords,
  ARG: ({ argument, escape }) => words(splitQuotedWords(argument.text, argument.start, escape)),
  ENV: (input) => words(readPairs(input)),
  LABEL: (input) => words(readPairs(input)),
  HEALTHCHECK: readHealthcheck,
  WORKDIR: readWhole,
  USER: readWhole,
  STOPSIGNAL: readWhole,
  MAINTAINER: readWhole,
  ONBUILD: readWhole,
};

/** Takes arguments apart by the way of their keyword (BuildKit: parser/line_parsers.go). */
export function readArguments(input: ArgumentText): ArgumentWords {
  const read = Object.hasOwn(READERS, input.keyword) ? READERS[input.keyword] : undefined;
  return read === undefined ? words([{ ...input.argument, text: "" }]) : read(input);
}

function words(args: readonly Word[]): ArgumentWords {
  return { args, json: false };
}

function readWhole({ argument }: ArgumentText): ArgumentWords {
  return words(argument.text === "" ? [] : [argument]);
}

function readWords({ argument }: ArgumentText): ArgumentWords {
  return words(splitOnBlanks(argument.text, argument.start));
}

/** A JSON array, else words. */
function readList(input: ArgumentText): ArgumentWords {
  return readJson(input.argument, input) ?? readWords(input);
}

/** The exec form, else everything as one string. */
function readCommand(argument: Word, input: ArgumentText): ArgumentWords {
  if (argument.text === "") return words([]);
  return readJson(argument, input) ?? words([argument]);
}

function readJson(argument: Word, { keyword, line }: ArgumentText): ArgumentWords | undefined {
  const items = readJsonForm(argument.text);
  if (items === undefined) return undefined;
  if (items === "mixed") {
    throw new BuildError("dockerfile/bad-json", `${keyword}: a JSON array here may hold strings only`, {
      hint: 'Put every item in double quotes, such as ["sleep", "1"], and nest no arrays.',
      at: wordRange(line, argument),
    });
  }
  return { args: items.map((text) => ({ ...argument, text })), json: true };
}

/** `K=V` words, or the old `K rest of the line`; which of them is decided by the first word. */
function readPairs({ keyword, argument, instruction, line, escape }: ArgumentText): Word[] {
  const found = splitQuotedWords(argument.text, argument.start, escape);
  const [first] = found;
  if (first === undefined) return [];
  if (!first.text.includes("=")) {
    const pair = splitInTwo(argument.text, argument.start);
    if (pair === undefined) {
      throw new BuildError(
        "dockerfile/bad-arguments",
        `${keyword} must have two arguments: ${quote(argument.text)} has no value`,
        {
          hint: `Write ${keyword} NAME=value.`,
          at: rangeOf(line, argument.start, argument.end),
        },
      );
    }
    return [...pair, { text: "", start: instruction.end, end: instruction.end }];
  }
  return found.flatMap((word) => {
    const equals = word.text.indexOf("=");
    if (equals < 0) {
      throw new BuildError(
        "dockerfile/bad-arguments",
        `${keyword}: ${quote(word.text)} has no = and so is no name=value`,
        {
          hint: `Put quotes around a value with blanks in it: ${keyword} NAME="two words".`,
          at: wordRange(line, word),
        },
      );
    }
    const middle = word.start + equals;
    return [
      { text: word.text.slice(0, equals), start: word.start, end: middle },
      { text: word.text.slice(equals + 1), start: middle + 1, end: word.end },
      { text: "=", start: middle, end: middle + 1 },
    ];
  });
}

/** The word behind HEALTHCHECK, then a command. */
function readHealthcheck(input: ArgumentText): ArgumentWords {
  const { text, start, end } = input.argument;
  if (text === "") return words([]);
  let typeEnd = 0;
  while (typeEnd < text.length && !isBlank(text.charCodeAt(typeEnd))) typeEnd++;
  const type = { text: text.slice(0, typeEnd), start, end: start + typeEnd };
  const commandStart = skipBlanks(text, typeEnd);
  const command = readCommand({ text: text.slice(commandStart), start: start + commandStart, end }, input);
  return { args: [type, ...command.args], json: command.json };
}
