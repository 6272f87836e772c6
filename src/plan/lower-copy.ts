import { redactAddresses } from "../core/redact-address.ts";
import type { CopyOp, CopySource, InlineFile } from "../core/step.ts";
import type { CopyInstruction, Heredoc } from "../dockerfile/ast.ts";
import { expandWord } from "../dockerfile/expand.ts";
import { parseHeredocWord } from "../dockerfile/heredoc.ts";
import { expandIn, type LowerContext, type Lowered, refuseFlags } from "./lowering.ts";
import { resolveDestination } from "./paths.ts";
import { sortSources } from "./remote-sources.ts";
import type { StageState } from "./stage-state.ts";
import type { StageSource } from "./stages.ts";

const FLAGS = {
  COPY: ["from", "chown", "chmod", "link", "parents", "exclude"],
  ADD: ["chown", "chmod", "link", "exclude", "unpack", "checksum", "keep-git-dir"],
} as const;

/** COPY and ADD (BuildKit: dockerfile2llb/convert_copy.go). */
export function lowerCopy(
  instruction: CopyInstruction,
  from: StageSource | undefined,
  state: StageState,
  context: LowerContext,
): Lowered {
  refuseFlags(instruction, FLAGS[instruction.type]);
  const heredocs = new Map(instruction.heredocs.map((heredoc) => [heredoc.name, heredoc]));
  const words = instruction.sources.map((word) => ({ word, heredoc: heredocOf(word, heredocs) }));
  const written = words.flatMap(({ word, heredoc }) =>
    heredoc === undefined ? [expandIn(word, state, context)] : [],
  );
  const inline = words.flatMap(({ heredoc }) => (heredoc === undefined ? [] : [inlineFile(heredoc, state)]));
  const dest = expandIn(instruction.dest, state, context);
  const { sources, remotes } = sortSources(instruction, written, {
    checksum: expandIn(flagValue(instruction, "checksum") ?? "", state, context),
    keepGitDir: flagValue(instruction, "keep-git-dir"),
    unpack: flagValue(instruction, "unpack"),
  });
  const { source, reads } = copySource(from, context);
  const op: CopyOp = {
    type: "copy",
    instruction: instruction.type,
    from: source,
    sources,
    ...(remotes.length > 0 ? { remotes } : {}),
    ...(inline.length > 0 ? { inline } : {}),
    dest: resolveDestination(state.config.WorkingDir ?? "", dest),
    ...flagsOf(instruction, state, context),
  };
  return { state, createdBy: createdBy(op, { written, dest }), op, reads, spelled: dest };
}

function heredocOf(word: string, heredocs: ReadonlyMap<string, Heredoc>): Heredoc | undefined {
  const parsed = parseHeredocWord(word);
  return parsed === undefined ? undefined : heredocs.get(parsed.name);
}

/** An unquoted heredoc is expanded; quotes in it are ordinary characters, and `\` escapes whatever the directive says. */
function inlineFile(heredoc: Heredoc, state: StageState): InlineFile {
  const content = heredoc.expand
    ? expandWord(heredoc.content, (name) => state.env.get(name), { escape: "\\", quotes: "literal" }).value
    : heredoc.content;
  return { name: heredoc.name, content };
}

function copySource(
  from: StageSource | undefined,
  context: LowerContext,
): { readonly source: CopySource; readonly reads: CopyReads } {
  if (from === undefined) return { source: { type: "context", name: "" }, reads: [] };
  if (from.type === "context") return { source: from, reads: [] };
  const step = context.sourceStep(from);
  if (step === undefined) throw new Error("a --from was planned before the stage it names");
  return { source: { type: "step", step }, reads: [step] };
}
type CopyReads = NonNullable<Lowered["reads"]>;

function flagsOf(instruction: CopyInstruction, state: StageState, context: LowerContext): Partial<CopyOp> {
  const value = (name: string) => flagValue(instruction, name);
  const has = (name: string) => {
    const flag = instruction.flags.find((f) => f.name === name);
    return flag !== undefined && flag.value !== "false";
  };
  const expanded = (name: string) => {
    const text = expandIn(value(name) ?? "", state, context);
    return text === "" ? {} : { [name]: text };
  };
  const exclude = instruction.flags.flatMap((flag) =>
    flag.name === "exclude" && flag.value !== undefined ? [flag.value] : [],
  );
  return {
    ...expanded("chown"),
    ...expanded("chmod"),
    ...(has("link") ? { link: true } : {}),
    ...(has("parents") ? { parents: true } : {}),
    ...(instruction.type === "ADD" && value("unpack") !== "false" ? { unpack: true } : {}),
    ...(exclude.length > 0 ? { exclude } : {}),
  };
}

function flagValue(instruction: CopyInstruction, name: string): string | undefined {
  return instruction.flags.find((flag) => flag.name === name)?.value;
}

function createdBy(
  op: CopyOp,
  { written, dest }: { readonly written: readonly string[]; readonly dest: string },
): string {
  const words = [
    op.instruction,
    ...(op.parents === true ? ["--parents"] : []),
    ...(op.chown === undefined ? [] : [`--chown=${op.chown}`]),
    ...(op.chmod === undefined ? [] : [`--chmod=${op.chmod}`]),
    ...written.map(redactAddresses),
    ...(op.inline ?? []).map((file) => `<<${file.name}`),
    dest,
  ];
  return `${words.join(" ")} # buildkit`;
}
