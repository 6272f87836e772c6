/** The newest settings, newest first, not yet in the map below them. */
interface Recent {
  readonly name: string;
  readonly value: string;
  readonly count: number;
  readonly before: Recent | undefined;
}

/** Settings looked through one by one before they are put into a map: a copy of everything for each would be quadratic. */
const MAX_RECENT = 64;

/**
 * Variables in the order a later setting gives them: setting a name again moves it to the end, as BuildKit's environment
 * does (client/llb/meta.go). Immutable.
 */
export class EnvList {
  #settled: ReadonlyMap<string, string>;
  #recent: Recent | undefined;

  constructor(values: ReadonlyMap<string, string> = new Map()) {
    this.#settled = values;
  }

  set(name: string, value: string): EnvList {
    if ((this.#recent?.count ?? 0) >= MAX_RECENT) this.#settle();
    const next = new EnvList(this.#settled);
    next.#recent = { name, value, count: (this.#recent?.count ?? 0) + 1, before: this.#recent };
    return next;
  }

  get(name: string): string | undefined {
    for (let each = this.#recent; each !== undefined; each = each.before)
      if (each.name === name) return each.value;
    return this.#settled.get(name);
  }

  entries(): readonly (readonly [name: string, value: string])[] {
    return [...this.#settle()];
  }

  /** `K=V` lines. */
  toArray(): string[] {
    return [...this.#settle()].map(([name, value]) => `${name}=${value}`);
  }

  /** Everything in one map; what was recent is so no more. */
  #settle(): ReadonlyMap<string, string> {
    if (this.#recent === undefined) return this.#settled;
    const settled = new Map(this.#settled);
    for (const { name, value } of oldestFirst(this.#recent)) {
      settled.delete(name);
      settled.set(name, value);
    }
    this.#settled = settled;
    this.#recent = undefined;
    return settled;
  }
}

function oldestFirst(newest: Recent): readonly Recent[] {
  const all: Recent[] = [];
  for (let each: Recent | undefined = newest; each !== undefined; each = each.before) all.push(each);
  return all.toReversed();
}

/** A config's Env with variables set, one after another: each in its old place, or at the end. */
export function withVariables(
  env: readonly string[],
  pairs: readonly { readonly key: string; readonly value: string }[],
): string[] {
  const next = [...env];
  for (const { key, value } of pairs) {
    const start = `${key}=`;
    const index = next.findIndex((entry) => entry.startsWith(start) || entry === key);
    next[index < 0 ? next.length : index] = `${key}=${value}`;
  }
  return next;
}

export function splitVariable(entry: string): [name: string, value: string] {
  const equals = entry.indexOf("=");
  return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
}
