import { BuildError } from "../core/errors.ts";
import type { InlineFile, NetworkMode, RunOp } from "../core/step.ts";
import type { Flag, RunInstruction } from "../dockerfile/ast.ts";
import { parseHeredocWord } from "../dockerfile/heredoc.ts";
import { lowerMounts } from "./lower-mounts.ts";
import { type LowerContext, type Lowered, refuseFlags, withShell } from "./lowering.ts";
import type { StageState } from "./stage-state.ts";
import type { StageInstruction } from "./stages.ts";
import type { Entitlement } from "./types.ts";

/** Where the file of a heredoc with a shebang is found by its command (BuildKit's place). */
const INLINE_DIR = "/dev/pipes/";

/** RUN in shell form, exec form and the heredoc forms (BuildKit: dockerfile2llb/convert.go, dispatchRun). */
export function lowerRun(
  instruction: RunInstruction,
  sources: StageInstruction["mounts"],
  state: StageState,
  context: LowerContext,
): Lowered {
  refuseFlags(instruction, ["mount", "network", "security"]);
  const { args, inline } = commandOf(instruction, state);
  if (args.length === 0 || (instruction.command.form === "exec" && args[0] === "")) {
    throw new BuildError("dockerfile/bad-arguments", "RUN has no command", {
      at: instruction.at,
      hint: "Write a command behind RUN.",
    });
  }
  const { mounts, cacheMounts, reads, agent } = lowerMounts(instruction, sources, state, context);
  const security = securityOf(instruction, context);
  const env = state.env.toArray();
  const op: RunOp = {
    type: "run",
    args,
    env:
      agent === undefined || state.env.get("SSH_AUTH_SOCK") !== undefined
        ? env
        : [...env, `SSH_AUTH_SOCK=${agent}`],
    cwd:
      state.config.WorkingDir === undefined || state.config.WorkingDir === "" ? "/" : state.config.WorkingDir,
    user: state.config.User ?? "",
    network: networkOf(instruction, context),
    ...hostnameOf(context),
    ...(inline === undefined ? {} : { inline }),
    ...(mounts.length === 0 ? {} : { mounts }),
    ...(security === undefined ? {} : { security }),
    ...conditionsOf(context),
  };
  const createdBy = `RUN ${[...argsPrefix(state), ...args].join(" ")} # buildkit`;
  return { state, createdBy, op, reads, ...(cacheMounts.size === 0 ? {} : { cacheMounts }) };
}

/** What the build's own flags say of every RUN; left out where nothing is said, so that such keys stay as they are. */
function conditionsOf({ run }: LowerContext): Partial<RunOp> {
  const { hosts, shmBytes, ulimits, cgroupParent } = run;
  return {
    ...(hosts.length === 0 ? {} : { hosts }),
    ...(shmBytes === undefined ? {} : { shmBytes }),
    ...(ulimits.length === 0 ? {} : { ulimits }),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
  };
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
      return flag.value;
    case "host":
      // The default anyway; but who builds with --network=none did not mean this step.
      if (context.network !== "host") requireEntitlement("network.host", flag, context);
      return flag.value;
    default:
      throw new BuildError("dockerfile/bad-flag", `RUN --network=${flag?.value ?? ""} is not a network`, {
        at: flag?.at,
        hint: "Choose default, none or host.",
      });
  }
}

function securityOf(instruction: RunInstruction, context: LowerContext): RunOp["security"] {
  const flag = instruction.flags.find((f) => f.name === "security");
  if (flag?.value !== "insecure") return undefined;
  requireEntitlement("security.insecure", flag, context);
  return "insecure";
}

/** RULE: a Dockerfile is foreign text. Only the command line gives a step more rights than every step has (CVE-2024-23653). */
function requireEntitlement(name: Entitlement, flag: Flag, { run }: LowerContext): void {
  if (run.allow.includes(name)) return;
  throw new BuildError("plan/not-allowed", `RUN --${flag.name}=${flag.value ?? ""} is not allowed`, {
    at: flag.at,
    hint: `If you trust this Dockerfile, allow it: --allow ${name}.`,
  });
}
