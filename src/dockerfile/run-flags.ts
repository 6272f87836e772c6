import type { Flag } from "./ast.ts";
import { csvFields } from "./csv-fields.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeError } from "./node-error.ts";
import { quote } from "./quote.ts";
import { suggest } from "./suggest.ts";

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  network: ["default", "none", "host"],
  security: ["sandbox", "insecure"],
};

const BOOLEANS = ["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"];

/** What BuildKit checks of RUN's flags before any variable is expanded (BuildKit: instructions/commands_run*.go). */
export function checkRunFlags(node: DockerfileNode, flags: readonly Flag[]): void {
  flags.forEach((flag, index) => {
    const value = flag.value ?? "";
    const problem = problemOf(flag.name, value);
    if (problem === undefined) return;
    throw nodeError(node, `RUN --${flag.name}: ${problem.message}`, {
      code: "dockerfile/bad-flag",
      word: node.flags[index],
      hint: problem.hint,
    });
  });
}

interface Problem {
  readonly message: string;
  readonly hint: string;
}

function problemOf(name: string, value: string): Problem | undefined {
  if (name === "mount") return mountProblem(value);
  if (name === "device") return deviceProblem(value);
  const choices = CHOICES[name] ?? [];
  if (choices.includes(value)) return undefined;
  const near = suggest(value, choices);
  const list = `Choose one of ${choices.join(", ")}.`;
  return {
    message: `${quote(value)} is not known`,
    hint: near === undefined ? list : `Did you mean ${near}? ${list}`,
  };
}

const NOT_CSV: Problem = {
  message: "its value is no list of key=value fields",
  hint: 'Separate fields by commas; a field with a comma in it goes into double quotes as a whole: "key=a,b".',
};

function mountProblem(value: string): Problem | undefined {
  for (const field of csvFields(value) ?? [undefined]) {
    if (field === undefined) return NOT_CSV;
    const from = /^from=([^]*)$/i.exec(field)?.[1] ?? "";
    const dollar = from.indexOf("$");
    if (dollar >= 0 && dollar !== from.length - 1) {
      return {
        message: `from=${from}: variables are not expanded here`,
        hint: "Name a stage instead: ARG X above the first FROM, then FROM $X AS name, and from=name.",
      };
    }
  }
  return undefined;
}

function deviceProblem(value: string): Problem | undefined {
  let name = "";
  for (const field of csvFields(value) ?? [undefined]) {
    if (field === undefined) return NOT_CSV;
    const [key, text] = cut(field);
    if (key === "required") {
      if (text !== undefined && !BOOLEANS.includes(text)) {
        return {
          message: `required is true or false, not ${quote(text)}`,
          hint: "Write required, or required=false.",
        };
      }
    } else if (key === "name" && text !== undefined && name === "") name = text;
    else if (name === "" && !(key === "name" && text !== undefined)) name = field;
    else
      return {
        message: `the field ${quote(field)} is one too many`,
        hint: "Write --device=vendor/class=name,required.",
      };
  }
  return undefined;
}

function cut(field: string): readonly [string, string | undefined] {
  const equals = field.indexOf("=");
  return equals < 0
    ? [field.toLowerCase(), undefined]
    : [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
}
