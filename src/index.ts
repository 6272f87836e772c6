/** The library: `createEngine`, its types, and the errors it rejects with. Ink and React are never loaded from here. */
export type { Change, ChangeKind } from "./core/cache-key.ts";
export type { ContentChain, DiffId, Digest } from "./core/digest.ts";
export { BuildError, isBuildError } from "./core/errors.ts";
export type { BuildEvent, StepOutcome } from "./core/events.ts";
export {
  type Build,
  createEngine,
  type Engine,
  type EngineOptions,
  type ExplainedStep,
  type Explanation,
} from "./engine.ts";
export type { BuildOptions, BuildResult, BuiltStep } from "./operations/types.ts";
