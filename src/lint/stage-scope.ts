import type { ContainerConfig } from "../core/image.ts";
import { type ExpandedWord, expandWord } from "../dockerfile/expand.ts";
import type { EnvList } from "../plan/env-list.ts";
import { splitVariable } from "../plan/env-list.ts";
import { DEFAULT_PATH } from "../plan/stage-state.ts";
import { givenArg } from "../plan/types.ts";

/** What ARG takes its values from, the same all through a build. */
export interface ArgSources {
  readonly escape: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly globalArgs: EnvList;
}

/** An ARG with the value it came to. */
export interface DeclaredArg {
  readonly value: string | undefined;
  /** Names in its default that nothing defines. */
  readonly unmatched: readonly string[];
  /** Taken from the ARG of that name above FROM. */
  readonly isGlobal: boolean;
}

/** The variables of one stage while its instructions are gone through; unlike the planner's state it is changed in place. */
export class StageScope {
  readonly #env: Map<string, string>;
  readonly #declared: Set<string>;
  readonly #sources: ArgSources;
  /** False: the base image could not be looked at, and may define any variable. */
  readonly isKnown: boolean;

  private constructor(
    sources: ArgSources,
    start: { readonly env: Map<string, string>; readonly declared: Set<string>; readonly isKnown: boolean },
  ) {
    this.#sources = sources;
    this.#env = start.env;
    this.#declared = start.declared;
    this.isKnown = start.isKnown;
  }

  /** On an image; `config` undefined: it could not be looked at. */
  static onImage(config: ContainerConfig | undefined, sources: ArgSources): StageScope {
    const env = new Map((config?.Env ?? []).map(splitVariable));
    if (!env.has("PATH")) env.set("PATH", DEFAULT_PATH);
    return new StageScope(sources, { env, declared: new Set(), isKnown: config !== undefined });
  }

  /** On another stage: its variables, ARGs included, go on. */
  static onStage(base: StageScope): StageScope {
    const env = new Map(base.#env);
    return new StageScope(base.#sources, { env, declared: new Set(base.#declared), isKnown: base.isKnown });
  }

  lookup = (name: string): string | undefined => this.#env.get(name);

  names(): readonly string[] {
    return [...this.#env.keys()];
  }

  /** Declared by an ARG, with a value or without. */
  isDeclared(name: string): boolean {
    return this.#declared.has(name);
  }

  /** Throws dockerfile/bad-expansion. */
  expand(word: string): ExpandedWord {
    return expandWord(word, this.lookup, { escape: this.#sources.escape });
  }

  setEnv(name: string, value: string): void {
    // A name that is set again moves to the end, as in BuildKit's environment.
    this.#env.delete(name);
    this.#env.set(name, value);
  }

  /** --build-arg beats the default, a default here the one above FROM. Throws dockerfile/bad-expansion. */
  declareArg(name: string, written: string | undefined): DeclaredArg {
    const given = givenArg(this.#sources.buildArgs, name);
    const expanded = given === undefined && written !== undefined ? this.expand(written) : undefined;
    const global =
      given === undefined && written === undefined ? this.#sources.globalArgs.get(name) : undefined;
    const value = given ?? expanded?.value ?? global;
    if (value !== undefined) this.setEnv(name, value);
    const unmatched = (expanded?.unmatched ?? []).filter((each) => !this.#declared.has(each));
    this.#declared.add(name);
    return { value, unmatched, isGlobal: global !== undefined };
  }
}
