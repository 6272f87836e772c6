import { unreachable } from "../core/unreachable.ts";
import type { CopyInstruction, Instruction } from "../dockerfile/ast.ts";
import { csvFields } from "../dockerfile/csv-fields.ts";
import { expandWord } from "../dockerfile/expand.ts";
import { parseHeredocWord } from "../dockerfile/heredoc.ts";
import type { StageScope } from "./stage-scope.ts";

/** A word of an instruction in which BuildKit expands variables before the instruction is carried out. */
export interface VariableWord {
  readonly text: string;
  /** The body of a heredoc: quotes in it are ordinary characters, and `\` escapes whatever the directive says. */
  readonly isBody: boolean;
}

/**
 * The words of an instruction whose unknown variables are reported, in BuildKit's order (instructions/commands.go, Expand and
 * ExpandRaw). None for ARG, whose default only counts where no build argument is given, and for EXPOSE.
 */
export function variableWords(instruction: Instruction): readonly VariableWord[] {
  switch (instruction.type) {
    case "ENV":
    case "LABEL":
      return words(instruction.pairs.flatMap(({ key, value }) => [key, value]));
    case "COPY":
    case "ADD":
      return copyWords(instruction);
    case "RUN":
      return words(mountValues(instruction));
    case "WORKDIR":
    case "USER":
    case "STOPSIGNAL":
      return words([instruction.value]);
    case "VOLUME":
      return words(instruction.words);
    case "ARG":
    case "CMD":
    case "ENTRYPOINT":
    case "EXPOSE":
    case "HEALTHCHECK":
    case "MAINTAINER":
    case "ONBUILD":
    case "SHELL":
      return [];
    default:
      return unreachable(instruction);
  }
}

export function expandVariables({ text, isBody }: VariableWord, scope: StageScope) {
  return isBody ? expandWord(text, scope.lookup, { escape: "\\", quotes: "literal" }) : scope.expand(text);
}

function words(texts: readonly string[]): readonly VariableWord[] {
  return texts.map((text) => ({ text, isBody: false }));
}

/** Sources that are files: no heredocs. */
export function fileSources({ sources, heredocs }: CopyInstruction): readonly string[] {
  const names = new Set(heredocs.map(({ name }) => name));
  return sources.filter((word) => !names.has(parseHeredocWord(word)?.name ?? ""));
}

function copyWords(instruction: CopyInstruction): readonly VariableWord[] {
  const flag = (name: string) => instruction.flags.find((each) => each.name === name)?.value ?? "";
  const flags = [flag("chown"), flag("chmod"), ...(instruction.type === "ADD" ? [flag("checksum")] : [])];
  const bodies = instruction.heredocs.filter(({ expand }) => expand);
  return [
    ...words([...flags, ...fileSources(instruction), instruction.dest]),
    ...bodies.map(({ content }) => ({ text: content, isBody: true })),
  ];
}

/** `key=value` fields of --mount: the values. */
function mountValues({ flags }: Instruction): readonly string[] {
  return flags
    .filter(({ name }) => name === "mount")
    .flatMap(({ value }) => csvFields(value ?? "") ?? [])
    .filter((field) => field.includes("="))
    .map((field) => field.slice(field.indexOf("=") + 1));
}
