import { BuildError } from "../core/errors.ts";
import type { InlineFile, NetworkMode, RunOp } from "../core/step.ts";
import type { RunInstruction } from "../dockerfile/ast.ts";
import { parseHeredocWord } from "../dockerfile/heredoc.ts";
import { type LowerContext, type Lowered, refuseFlags, withShell } from "./lowering.ts";
import type { StageState } from "./stage-state.ts";

/** Where the file of a heredoc with a shebang is found by its command (BuildKit's place). */
const INLINE_DIR = "/dev/pipes/";

/** RUN in shell form, exec form and the heredoc forms (BuildKit: dockerfile2llb/convert.go, dispatchRun). */
export function lowerRun(instruction: RunInstruction, state: StageState, context: LowerContext): Lowered {
  refuseFlags(instruction, ["network"]);
  const { args, inline } = commandOf(instruction, state);
  if (args.length === 0 || (instruction.command.form === "exec" && args[0] === "")) {
    throw new BuildError("dockerfile/bad-arguments", "RUN has no command", {
      at: instruction.at,
      hint: "Write a command behind RUN.",
    });
  }
  const op: RunOp = {
    type: "run",
    args,
    env: state.env.toArray(),
    cwd:
      state.config.WorkingDir === undefined || state.config.WorkingDir === "" ? "/" : state.config.WorkingDir,
    user: state.config.User ?? "",
    network: networkOf(instruction, context),
    ...hostnameOf(context),
    ...(inline === undefined ? {} : { inline }),
  };
  return { state, createdBy: `RUN ${[...argsPrefix(state), ...args].join(" ")} # buildkit`, op };
}

/** A host name that was asked for is what the command sees, and so part of what it is. */
function hostnameOf({ buildArgs }: LowerContext): { readonly hostname?: string } {
  const hostname = buildArgs["BUILDKIT_SANDBOX_HOSTNAME"];
  return hostname === undefined || hostname === "" ? {} : { hostname };
}

function commandOf(
  instruction: RunInstruction,
  state: StageState,
): { readonly args: readonly string[]; readonly inline?: readonly InlineFile[] } {
  const { command, heredocs } = instruction;
  if (command.form === "exec") return { args: command.args };
  const [first] = heredocs;
  if (first === undefined) return { args: withShell(command.line, state.config) };
  if (parseHeredocWord(command.line.trim()) === undefined) {
    // Other words are around: the shell reads the heredocs itself.
    const bodies = heredocs.map((heredoc) => `\n${heredoc.raw}${heredoc.name}`);
    return { args: withShell(command.line + bodies.join(""), state.config) };
  }
  if (!first.content.startsWith("#!")) return { args: withShell(first.content, state.config) };
  const file = { name: first.name, content: first.content };
  return { args: withShell(INLINE_DIR + first.name, state.config), inline: [file] };
}

/** `|2 A=1 B=2`: the declared ARGs with the values in force, as the history shows them. */
function argsPrefix(state: StageState): string[] {
  const values = new Map(state.args.map(({ key, value }) => [key, state.env.get(key) ?? value ?? ""]));
  if (values.size === 0) return [];
  return [`|${values.size}`, ...[...values].map(([key, value]) => `${key}=${value}`)];
}

function networkOf(instruction: RunInstruction, context: LowerContext): NetworkMode {
  const flag = instruction.flags.find((f) => f.name === "network");
  switch (flag?.value) {
    case undefined:
    case "default":
      return context.network;
    case "none":
    case "host":
      return flag.value;
    default:
      throw new BuildError("dockerfile/bad-flag", `RUN --network=${flag?.value ?? ""} is not a network`, {
        at: flag?.at,
        hint: "Choose default, none or host.",
      });
  }
}
