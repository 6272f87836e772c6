import { decodeRunes } from "./runes.ts";

/** A place in the automaton: what it takes, and where it goes. Positions are indices into the program. */
export interface Node {
  /** Places reached without a character; `atStart` only where no character has been read. */
  readonly free: readonly number[];
  readonly freeAtStart: readonly number[];
  /** Places reached by this character. */
  readonly step: (rune: number) => readonly number[];
}

/** A set of places, with the sets that ASCII characters lead to, as far as they were asked for. */
interface PlaceSet {
  readonly places: readonly number[];
  readonly accepts: boolean;
  readonly next: (PlaceSet | undefined)[];
}

const ASCII = 128;
/** Sets kept for one pattern. Beyond it all are forgotten and found again: memory stays bounded whatever the pattern. */
const MAX_SETS = 2_000;

/** Runs a pattern over a path in time linear in the path: every place it could be in at once, no backtracking. */
export class PathAutomaton {
  readonly #nodes: readonly Node[];
  readonly #accept: number;
  #sets = new Map<string, PlaceSet>();
  #start: PlaceSet;

  /** The last node of `nodes` is the end: a path is matched where it is reached after the last character. */
  constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
    this.#accept = nodes.length - 1;
    this.#start = this.#intern([0], true);
  }

  matches(path: string): boolean {
    return this.#run(path).accepts;
  }

  /** True where some longer path that starts with `prefix` could match. */
  couldContinue(prefix: string): boolean {
    return this.#run(prefix).places.some((place) => place !== this.#accept);
  }

  #run(path: string): PlaceSet {
    let set = this.#start;
    for (let at = 0; at < path.length && set.places.length > 0; at++) {
      const code = path.charCodeAt(at);
      if (code >= ASCII) return this.#runRunes(decodeRunes(path.slice(at)), set);
      set = set.next[code] ?? this.#advance(set, code);
    }
    return set;
  }

  #runRunes(runes: readonly number[], from: PlaceSet): PlaceSet {
    let set = from;
    for (const rune of runes) set = set.next[rune] ?? this.#advance(set, rune);
    return set;
  }

  #advance(set: PlaceSet, rune: number): PlaceSet {
    const next = this.#intern(
      set.places.flatMap((place) => this.#nodes[place]?.step(rune) ?? []),
      false,
    );
    if (rune < ASCII) set.next[rune] = next;
    return next;
  }

  #intern(seeds: readonly number[], atStart: boolean): PlaceSet {
    const places = this.#close(seeds, atStart);
    const key = places.join();
    const known = this.#sets.get(key);
    if (known !== undefined) return known;
    if (this.#sets.size >= MAX_SETS) {
      this.#sets.clear();
      this.#start = { ...this.#start, next: [] };
    }
    const made: PlaceSet = { places, accepts: places.includes(this.#accept), next: [] };
    this.#sets.set(key, made);
    return made;
  }

  #close(seeds: readonly number[], atStart: boolean): readonly number[] {
    const seen = new Set<number>();
    const todo = [...seeds];
    for (let place = todo.pop(); place !== undefined; place = todo.pop()) {
      if (seen.has(place)) continue;
      seen.add(place);
      const node = this.#nodes[place];
      if (node === undefined) continue;
      todo.push(...node.free, ...(atStart ? node.freeAtStart : []));
    }
    return [...seen].toSorted((a, b) => a - b);
  }
}
