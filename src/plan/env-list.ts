/**
 * Variables in the order a later setting gives them: setting a name again moves it to the end, as BuildKit's environment
 * does (client/llb/meta.go). Immutable.
 */
export class EnvList {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string> = new Map()) {
    this.#values = values;
  }

  set(name: string, value: string): EnvList {
    const next = new Map(this.#values);
    next.delete(name);
    next.set(name, value);
    return new EnvList(next);
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  entries(): readonly (readonly [name: string, value: string])[] {
    return [...this.#values];
  }

  /** `K=V` lines. */
  toArray(): string[] {
    return [...this.#values].map(([name, value]) => `${name}=${value}`);
  }
}

/** A config's Env with one variable set: in its old place, or at the end. */
export function withVariable(env: readonly string[], name: string, value: string): string[] {
  const line = `${name}=${value}`;
  const index = env.findIndex((entry) => splitVariable(entry)[0] === name);
  return index < 0 ? [...env, line] : env.map((entry, i) => (i === index ? line : entry));
}

export function splitVariable(entry: string): [name: string, value: string] {
  const equals = entry.indexOf("=");
  return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
}
