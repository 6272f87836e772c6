import type { SourceRange } from "../core/source-range.ts";

/** A parsed Dockerfile. Values are raw: words as written, nothing expanded; expansion is the planner's (see expand.ts). */
export interface DockerfileAst {
  readonly name: string;
  readonly text: string;
  /** The escape character in force. */
  readonly escape: "\\" | "`";
  readonly directives: Readonly<Record<string, string>>;
  /** ARGs before the first FROM. */
  readonly metaArgs: readonly ArgInstruction[];
  readonly stages: readonly StageAst[];
  /** What a careful person would want to know; nothing here stops a build. */
  readonly warnings: readonly ParseWarning[];
}

export interface ParseWarning {
  /** BuildKit's rule name where it has one, such as `NoEmptyContinuation`. */
  readonly rule: string;
  readonly message: string;
  readonly at: SourceRange;
}

export interface StageAst {
  readonly index: number;
  readonly from: FromInstruction;
  readonly instructions: readonly Instruction[];
}

export interface Heredoc {
  /** The delimiter without quotes. */
  readonly name: string;
  readonly content: string;
  /** The body as in the file, tabs included: what a shell that reads the heredoc itself is given. */
  readonly raw: string;
  /** False where the delimiter was quoted. */
  readonly expand: boolean;
  /** `<<-`: leading tabs are already stripped from `content`. */
  readonly chomp: boolean;
  readonly fileDescriptor: number;
}

/** A `--name=value` flag; `value` undefined for a bare `--name`. Quotes and escapes are already taken off. */
export interface Flag {
  readonly name: string;
  readonly value: string | undefined;
  readonly at: SourceRange;
}

interface InstructionBase {
  readonly at: SourceRange;
  /** The instruction on one line: continuations joined, comments dropped, heredoc bodies left out (BuildKit's `original`). */
  readonly source: string;
  readonly flags: readonly Flag[];
  /** The comments right above, without their `#`: they describe it, or say which checks it is spared. */
  readonly comments: readonly string[];
  readonly heredocs: readonly Heredoc[];
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** A command line in either form. `shell`: one string for the shell; `exec`: argv. */
export type CommandForm =
  | { readonly form: "shell"; readonly line: string }
  | { readonly form: "exec"; readonly args: readonly string[] };

export interface FromInstruction extends InstructionBase {
  readonly type: "FROM";
  /** As written, unexpanded. */
  readonly base: string;
  /** Lower-cased `AS` name, or undefined. */
  readonly stageName: string | undefined;
  readonly platform: string | undefined;
}
export interface ArgInstruction extends InstructionBase {
  readonly type: "ARG";
  readonly args: readonly { readonly key: string; readonly value: string | undefined }[];
}
export interface EnvInstruction extends InstructionBase {
  readonly type: "ENV" | "LABEL";
  /** Raw words: quotes and `$` still in. `legacy`: the `ENV key rest of line` form. */
  readonly pairs: readonly (KeyValue & { readonly legacy: boolean })[];
}
export interface CopyInstruction extends InstructionBase {
  readonly type: "COPY" | "ADD";
  /** Raw words, heredoc words (`<<EOF`) included in place; the last is the destination. */
  readonly sources: readonly string[];
  readonly dest: string;
}
export interface RunInstruction extends InstructionBase {
  readonly type: "RUN";
  readonly command: CommandForm;
}
export interface CommandInstruction extends InstructionBase {
  readonly type: "CMD" | "ENTRYPOINT";
  readonly command: CommandForm;
}
export interface WordsInstruction extends InstructionBase {
  readonly type: "EXPOSE" | "VOLUME";
  /** Raw; ports in byte order, volumes in the order written. */
  readonly words: readonly string[];
}
export interface TextInstruction extends InstructionBase {
  readonly type: "WORKDIR" | "USER" | "STOPSIGNAL" | "MAINTAINER";
  readonly value: string;
}
export interface ShellInstruction extends InstructionBase {
  readonly type: "SHELL";
  readonly shell: readonly string[];
}
export interface HealthcheckInstruction extends InstructionBase {
  readonly type: "HEALTHCHECK";
  /** `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", line]`; durations of the flags in nanoseconds. */
  readonly test: readonly string[];
  readonly intervalNs?: number | undefined;
  readonly timeoutNs?: number | undefined;
  readonly startPeriodNs?: number | undefined;
  readonly startIntervalNs?: number | undefined;
  readonly retries?: number | undefined;
}
export interface OnbuildInstruction extends InstructionBase {
  readonly type: "ONBUILD";
  /** The trigger as text, to be parsed again in the child build (parseTrigger). */
  readonly trigger: string;
  /** The trigger, parsed; undefined where it has an error, which Docker reports in the child build only (see warnings). */
  readonly inner: Instruction | undefined;
}

export type Instruction =
  | ArgInstruction
  | EnvInstruction
  | CopyInstruction
  | RunInstruction
  | CommandInstruction
  | WordsInstruction
  | TextInstruction
  | ShellInstruction
  | HealthcheckInstruction
  | OnbuildInstruction;
