import type { ContainerConfig } from "../core/image.ts";
import type { StepId } from "../core/step.ts";
import { EnvList, splitVariable } from "./env-list.ts";

/** `PATH` of an image that sets none (BuildKit: util/system/path.go). */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What the instructions above have left: the state one stage is folded over. Replaced, never changed. */
export interface StageState {
  /** ENV and ARG values that RUN and expansion see. */
  readonly env: EnvList;
  /** Declared ARGs in order, for `|n A=1` of the history; value undefined: declared, never set. */
  readonly args: readonly { readonly key: string; readonly value: string | undefined }[];
  readonly config: ContainerConfig;
  readonly author: string | undefined;
  /** CMD was set in this very stage: ENTRYPOINT then keeps it. */
  readonly cmdSet: boolean;
  /** The step whose snapshot is current. */
  readonly step: StepId;
}

/** The state at the top of a stage that stands on an image config. */
export function initialState(config: ContainerConfig, author: string | undefined, step: StepId): StageState {
  const hasPath = (config.Env ?? []).some((entry) => splitVariable(entry)[0] === "PATH");
  const env = hasPath ? (config.Env ?? []) : [...(config.Env ?? []), `PATH=${DEFAULT_PATH}`];
  let list = new EnvList();
  for (const entry of env) list = list.set(...splitVariable(entry));
  // Triggers ran as instructions of this stage; they do not pass on.
  const { OnBuild: _spent, ...rest } = config;
  return { env: list, args: [], config: { ...rest, Env: env }, author, cmdSet: false, step };
}
