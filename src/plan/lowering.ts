import { BuildError } from "../core/errors.ts";
import type { ContainerConfig } from "../core/image.ts";
import type { NetworkMode, Op, StepId, StepMeta } from "../core/step.ts";
import type { DockerfileAst, Instruction } from "../dockerfile/ast.ts";
import { expandWord } from "../dockerfile/expand.ts";
import type { EnvList } from "./env-list.ts";
import type { StageState } from "./stage-state.ts";
import type { StageInstruction } from "./stages.ts";
import type { PlannedRow, RunOptions } from "./types.ts";

/** Everything about a build that lowering reads and no instruction changes. */
export interface LowerContext {
  readonly ast: DockerfileAst;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly globalArgs: EnvList;
  readonly network: NetworkMode;
  readonly run: RunOptions;
  /** `http_proxy=…`: given to commands, never keyed. */
  readonly hiddenEnv: readonly string[];
  /** The step that stands for what `--from` names. */
  readonly sourceStep: (source: StageInstruction["from"]) => StepId | undefined;
}

/** What one instruction comes to. */
export interface Lowered {
  readonly state: StageState;
  /** History text; undefined: no history row (ONBUILD). */
  readonly createdBy: string | undefined;
  /** The work, where it has any; its result is the stage's next snapshot. */
  readonly op: Op | undefined;
  readonly reads?: readonly StepId[];
  readonly cacheMounts?: StepMeta["cacheMounts"];
  /** What ARG and ENV set. */
  readonly variables?: PlannedRow["variables"];
  readonly spelled?: PlannedRow["spelled"];
}

/** A word of an instruction, expanded over ENV and ARG. */
export function expandIn(word: string, state: StageState, context: LowerContext): string {
  return expandWord(word, (name) => state.env.get(name), { escape: context.ast.escape }).value;
}

/** The shell form of a command under the SHELL in force. */
export function withShell(line: string, config: ContainerConfig): string[] {
  const shell = config.Shell !== undefined && config.Shell.length > 0 ? config.Shell : ["/bin/sh", "-c"];
  return [...shell, line];
}

/** Refuses the flags of an instruction that this version does not build, by name and place. */
export function refuseFlags(instruction: Instruction, known: readonly string[]): void {
  for (const flag of instruction.flags) {
    if (known.includes(flag.name)) continue;
    throw new BuildError(
      "dockerfile/unsupported",
      `${instruction.type} --${flag.name} is not supported yet`,
      {
        at: flag.at,
        hint: `tsbuild knows ${known.map((name) => `--${name}`).join(", ")} on ${instruction.type}.`,
      },
    );
  }
}
