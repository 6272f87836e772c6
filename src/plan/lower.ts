import { BuildError } from "../core/errors.ts";
import type { ContainerConfig } from "../core/image.ts";
import { parseSignal } from "../core/signals.ts";
import type { SourceRange } from "../core/source-range.ts";
import { unreachable } from "../core/unreachable.ts";
import type {
  ArgInstruction,
  CommandForm,
  EnvInstruction,
  HealthcheckInstruction,
  TextInstruction,
  WordsInstruction,
} from "../dockerfile/ast.ts";
import { expandWords } from "../dockerfile/expand.ts";
import { withVariables } from "./env-list.ts";
import { formatDuration, plainList, quoteList } from "./go-format.ts";
import { lowerCopy } from "./lower-copy.ts";
import { lowerRun } from "./lower-run.ts";
import { expandIn, type LowerContext, type Lowered, withShell } from "./lowering.ts";
import { resolveWorkdir } from "./paths.ts";
import { parsePorts } from "./ports.ts";
import type { StageState } from "./stage-state.ts";
import type { StageInstruction } from "./stages.ts";
import { givenArg } from "./types.ts";

/** One instruction over the state that those above have left. */
export function lowerInstruction(item: StageInstruction, state: StageState, context: LowerContext): Lowered {
  const { instruction } = item;
  try {
    return lower(item, state, context);
  } catch (error) {
    throw error instanceof BuildError ? error.with({ at: instruction.at }) : error;
  }
}

function lower(item: StageInstruction, state: StageState, context: LowerContext): Lowered {
  const { instruction } = item;
  switch (instruction.type) {
    case "ARG":
      return lowerArg(instruction, state, context);
    case "ENV":
      return lowerEnv(instruction, state, context);
    case "LABEL":
      return lowerLabel(instruction, state, context);
    case "COPY":
    case "ADD":
      return lowerCopy(instruction, item.from, state, context);
    case "RUN":
      return lowerRun(instruction, item.mounts, state, context);
    case "CMD":
    case "ENTRYPOINT":
      return lowerCommand(instruction.type, instruction.command, state);
    case "EXPOSE":
    case "VOLUME":
      return lowerWords(instruction, state, context);
    case "WORKDIR":
    case "USER":
    case "STOPSIGNAL":
    case "MAINTAINER":
      return lowerText(instruction, state, context);
    case "SHELL":
      return metadata(state, `SHELL ${plainList(instruction.shell)}`, { Shell: instruction.shell });
    case "HEALTHCHECK":
      return lowerHealthcheck(instruction, state);
    case "ONBUILD":
      return {
        ...metadata(state, "", { OnBuild: [...(state.config.OnBuild ?? []), instruction.trigger] }),
        createdBy: undefined,
      };
    default:
      return unreachable(instruction);
  }
}

function metadata(state: StageState, createdBy: string, config: Partial<ContainerConfig>): Lowered {
  return { state: { ...state, config: { ...state.config, ...config } }, createdBy, op: undefined };
}

function lowerArg(instruction: ArgInstruction, state: StageState, context: LowerContext): Lowered {
  let next = state;
  const texts: string[] = [];
  const declared: string[] = [];
  for (const { key, value: written } of instruction.args) {
    const value = argValue(key, written, next, context);
    texts.push(value === undefined ? key : `${key}=${value}`);
    declared.push(written === undefined ? key : `${key}=${expandIn(written, next, context)}`);
    next = {
      ...next,
      env: value === undefined ? next.env : next.env.set(key, value),
      args: [...next.args, { key, value }],
    };
  }
  const variables = next.args.slice(state.args.length).map(({ key, value }) => ({ name: key, value }));
  const spelled = `ARG ${declared.join(" ")}`;
  return { state: next, createdBy: `ARG ${texts.join(" ")}`, op: undefined, variables, spelled };
}

/** --build-arg beats the default, a default here beats the one above FROM. */
function argValue(
  key: string,
  written: string | undefined,
  state: StageState,
  context: LowerContext,
): string | undefined {
  const given = givenArg(context.buildArgs, key);
  if (given !== undefined) return given;
  if (written !== undefined) return expandIn(written, state, context);
  return context.globalArgs.get(key);
}

/** Every value of one ENV sees the variables from before the instruction. */
function expandPairs(instruction: EnvInstruction, state: StageState, context: LowerContext) {
  return instruction.pairs.map(({ key, value, legacy }) => ({
    key: expandIn(key, state, context),
    value: expandIn(value, state, context),
    legacy,
  }));
}

function pairText({ key, value, legacy }: { key: string; value: string; legacy: boolean }): string {
  return `${key}${legacy ? " " : "="}${value}`;
}

function lowerEnv(instruction: EnvInstruction, state: StageState, context: LowerContext): Lowered {
  const pairs = expandPairs(instruction, state, context);
  const env = pairs.reduce((list, { key, value }) => list.set(key, value), state.env);
  const list = withVariables(state.config.Env ?? [], pairs);
  const lowered = metadata(state, `ENV ${pairs.map(pairText).join(" ")}`, { Env: list });
  const variables = pairs.map(({ key, value }) => ({ name: key, value }));
  return { ...lowered, state: { ...lowered.state, env }, variables };
}

function lowerLabel(instruction: EnvInstruction, state: StageState, context: LowerContext): Lowered {
  const pairs = expandPairs(instruction, state, context);
  const labels = {
    ...state.config.Labels,
    ...Object.fromEntries(pairs.map(({ key, value }) => [key, value])),
  };
  return metadata(state, `LABEL ${pairs.map(pairText).join(" ")}`, { Labels: labels });
}

function lowerCommand(type: "CMD" | "ENTRYPOINT", command: CommandForm, state: StageState): Lowered {
  const args = command.form === "exec" ? command.args : withShell(command.line, state.config);
  const createdBy = `${type} ${quoteList(args)}`;
  if (type === "CMD") {
    const lowered = metadata(state, createdBy, { Cmd: args, ArgsEscaped: true });
    return { ...lowered, state: { ...lowered.state, cmdSet: true } };
  }
  if (state.cmdSet) return metadata(state, createdBy, { Entrypoint: args });
  const { Cmd: _inherited, ...config } = state.config;
  return metadata({ ...state, config }, createdBy, { Entrypoint: args });
}

function lowerWords(instruction: WordsInstruction, state: StageState, context: LowerContext): Lowered {
  if (instruction.type === "EXPOSE") {
    const words = instruction.words.flatMap((word) =>
      expandWords(word, (name) => state.env.get(name), { escape: context.ast.escape }),
    );
    const ports = parsePorts(words, instruction.at);
    const lowered = metadata(state, `EXPOSE ${plainList(ports)}`, {
      ExposedPorts: { ...state.config.ExposedPorts, ...emptySet(ports) },
    });
    return { ...lowered, spelled: `EXPOSE ${words.toSorted().join(" ")}` };
  }
  const volumes = instruction.words.map((word) => expandIn(word, state, context));
  if (volumes.includes("")) {
    throw new BuildError("dockerfile/bad-arguments", "VOLUME needs a path, not an empty string", {
      at: instruction.at,
      hint: "Give the variable in it a value: a default in its ARG, or --build-arg.",
    });
  }
  return metadata(state, `VOLUME ${plainList(volumes)}`, {
    Volumes: { ...state.config.Volumes, ...emptySet(volumes) },
  });
}

function emptySet(keys: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

function lowerText(instruction: TextInstruction, state: StageState, context: LowerContext): Lowered {
  const { type } = instruction;
  switch (type) {
    case "MAINTAINER":
      return {
        state: { ...state, author: instruction.value },
        createdBy: `MAINTAINER ${instruction.value}`,
        op: undefined,
      };
    case "USER": {
      const user = expandIn(instruction.value, state, context);
      return metadata(state, `USER ${user}`, { User: user });
    }
    case "STOPSIGNAL":
      return lowerStopSignal(expandIn(instruction.value, state, context), state, instruction.at);
    case "WORKDIR":
      return lowerWorkdir(expandIn(instruction.value, state, context), state);
    default:
      return unreachable(type);
  }
}

function lowerStopSignal(signal: string, state: StageState, at: SourceRange): Lowered {
  if (parseSignal(signal) === undefined) {
    throw new BuildError("dockerfile/bad-arguments", `"${signal}" is not a signal`, {
      at,
      hint: "Write a name such as SIGTERM or SIGRTMIN+3, or a number from 1 to 64.",
    });
  }
  return metadata(state, `STOPSIGNAL ${signal}`, { StopSignal: signal });
}

/** PATH_MAX without its NUL. Relative WORKDIRs would else grow with each one. */
const MAX_PATH_BYTES = 4095;

function lowerWorkdir(path: string, state: StageState): Lowered {
  const workdir = resolveWorkdir(state.config.WorkingDir ?? "", path);
  if (Buffer.byteLength(workdir) > MAX_PATH_BYTES) {
    throw new BuildError("dockerfile/bad-arguments", "WORKDIR: the path is longer than Linux can hold", {
      hint: "A relative WORKDIR is below the one before it: begin the path with / to start anew.",
    });
  }
  const lowered = metadata(state, `WORKDIR ${workdir}`, { WorkingDir: workdir });
  if (workdir === "/") return lowered;
  return { ...lowered, op: { type: "workdir", path: workdir, user: state.config.User ?? "" } };
}

function lowerHealthcheck(instruction: HealthcheckInstruction, state: StageState): Lowered {
  const {
    test,
    intervalNs = 0,
    timeoutNs = 0,
    startPeriodNs = 0,
    startIntervalNs = 0,
    retries = 0,
  } = instruction;
  const text =
    `HEALTHCHECK {Test:${plainList(test)} Interval:${formatDuration(intervalNs)} Timeout:${formatDuration(timeoutNs)}` +
    ` StartPeriod:${formatDuration(startPeriodNs)} StartInterval:${formatDuration(startIntervalNs)} Retries:${retries}}`;
  return metadata(state, text, {
    Healthcheck: {
      ...(test.length > 0 ? { Test: test } : {}),
      ...(intervalNs > 0 ? { Interval: intervalNs } : {}),
      ...(timeoutNs > 0 ? { Timeout: timeoutNs } : {}),
      ...(startPeriodNs > 0 ? { StartPeriod: startPeriodNs } : {}),
      ...(startIntervalNs > 0 ? { StartInterval: startIntervalNs } : {}),
      ...(retries > 0 ? { Retries: retries } : {}),
    },
  });
}
