import { posix } from "node:path";
import { BuildError } from "../core/errors.ts";
import type { CacheMountName, CopySource, RunMount, StepId } from "../core/step.ts";
import { unreachable } from "../core/unreachable.ts";
import type { Flag, RunInstruction } from "../dockerfile/ast.ts";
import { type MountFields, parseMount } from "../dockerfile/run-mount.ts";
import { expandIn, type LowerContext } from "./lowering.ts";
import type { StageState } from "./stage-state.ts";
import type { StageInstruction } from "./stages.ts";

/** The mounts of one RUN. */
export interface LoweredMounts {
  /** In the order of BuildKit's graph: files by target, so that one inside another comes after it; then secrets and agents. */
  readonly mounts: readonly RunMount[];
  readonly cacheMounts: ReadonlyMap<string, CacheMountName>;
  readonly reads: readonly StepId[];
  /** Where the first forwarded agent is found. */
  readonly agent: string | undefined;
}

/** `--mount` flags to mounts (BuildKit: dockerfile2llb/convert_runmount.go). `sources`: where the `from` of each leads. */
export function lowerMounts(
  instruction: RunInstruction,
  sources: StageInstruction["mounts"],
  state: StageState,
  context: LowerContext,
): LoweredMounts {
  const flags = instruction.flags.filter((flag) => flag.name === "mount");
  const cacheMounts = new Map<string, CacheMountName>();
  const reads: StepId[] = [];
  let agents = 0;
  const mounts = flags.map((flag, i) => {
    const from = mountSource(sources[i], context);
    if (from?.type === "step") reads.push(from.step);
    const fields = fieldsOf(flag, state, context);
    const place: Place = {
      flag,
      workdir: state.config.WorkingDir ?? "/",
      from,
      agent: fields.type === "ssh" ? agents++ : 0,
    };
    const mount = lowerMount(fields, place);
    if (mount.type === "cache") {
      const id = fields.id === "" ? posix.normalize(fields.target === "" ? "." : fields.target) : fields.id;
      cacheMounts.set(mount.target, { id, sharing: fields.sharing ?? "shared" });
    }
    return mount;
  });
  return {
    mounts: [
      ...mounts.filter(isFile).toSorted(byTarget),
      ...mounts.filter((mount) => !isFile(mount)).toSorted(byTarget),
    ],
    cacheMounts,
    reads,
    agent: mounts.find((mount) => mount.type === "ssh")?.target,
  };
}

/** undefined: nothing is named. A folder given by name is read as the context is. */
function mountSource(
  source: StageInstruction["mounts"][number],
  context: LowerContext,
): CopySource | undefined {
  if (source === undefined || source.type === "context") return source;
  const step = context.sourceStep(source);
  return step === undefined ? undefined : { type: "step", step };
}

function fieldsOf(flag: Flag, state: StageState, context: LowerContext): MountFields {
  try {
    return parseMount(flag.value ?? "", (word) => expandIn(word, state, context));
  } catch (error) {
    throw error instanceof BuildError ? error.with({ at: flag.at }) : error;
  }
}

function isFile({ type }: RunMount): boolean {
  return type !== "secret" && type !== "ssh";
}

/** Whatever the locale, and a directory before what is in it. */
function byTarget({ target: a = "" }: RunMount, { target: b = "" }: RunMount): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Place {
  readonly flag: Flag;
  readonly workdir: string;
  readonly from: CopySource | undefined;
  /** Which of the instruction's ssh mounts it is. */
  readonly agent: number;
}

function lowerMount(fields: MountFields, place: Place): RunMount {
  const { type, readOnly } = fields;
  const target = () => targetOf(fields.target, place);
  const source = posix.join("/", fields.source);
  switch (type) {
    case "bind":
      return { type, target: target(), from: place.from ?? { type: "context", name: "" }, source, readOnly };
    case "cache":
      if (place.from?.type === "context")
        throw misplaced(
          place,
          "a cache cannot begin with a folder",
          "COPY it into a stage, and name that in from.",
        );
      return { type, target: target(), from: place.from, source, readOnly, ...ownerOf(fields, 0o755) };
    case "tmpfs":
      return { type, target: target(), sizeBytes: fields.sizeBytes, readOnly };
    case "secret":
      return { type, ...secretOf(fields, place), required: fields.required, ...ownerOf(fields, 0o400) };
    case "ssh":
      return {
        type,
        id: fields.id === "" ? "default" : fields.id,
        target: fields.target === "" ? `/run/buildkit/ssh_agent.${place.agent}` : target(),
        required: fields.required,
        ...ownerOf(fields, 0o600),
      };
    default:
      return unreachable(type);
  }
}

function ownerOf({ mode, uid, gid }: MountFields, usual: number) {
  return { mode: (mode ?? usual) & 0o7777, uid: uid ?? 0, gid: gid ?? 0 };
}

function secretOf(fields: MountFields, place: Place) {
  const written = fields.source === "" ? fields.id : fields.source;
  const id = written === "" ? posix.basename(fields.target) : written;
  const { env } = fields;
  if (env !== undefined && !/^[^=\0]+$/.test(env))
    throw misplaced(place, `env=${env} is not the name of a variable`, "Write env=NAME.");
  if (fields.target !== "") return { id, target: targetOf(fields.target, place), env };
  return {
    id,
    target: env === undefined ? targetOf(`/run/secrets/${posix.basename(id)}`, place) : undefined,
    env,
  };
}

/** Below these the kernel's own files are: nothing may be put over them. */
const KERNEL_PLACES = /^\/(proc|sys)(\/|$)/;

function targetOf(written: string, place: Place): string {
  const joined = posix.resolve(posix.join("/", place.workdir), written);
  if (joined === "/")
    throw misplaced(place, 'the target "/" is the whole file system', "Write target=/DIRECTORY.");
  if (KERNEL_PLACES.test(joined))
    throw misplaced(place, `nothing can be mounted at ${joined}`, "Choose a target outside /proc and /sys.");
  return joined;
}

function misplaced({ flag }: Place, message: string, hint: string): BuildError {
  return new BuildError("dockerfile/bad-flag", `RUN --mount: ${message}`, { at: flag.at, hint });
}
