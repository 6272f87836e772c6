/** Numbers that a seed decides: the same seed gives the same run, on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to `limit` - 1; 0 where there is nothing to choose from. Mulberry32: small, and good enough to pick places with. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const value = (mixed ^ (mixed >>> 14)) >>> 0;
    return limit <= 0 ? 0 : Math.floor((value / 0x1_0000_0000) * limit);
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  /** A length: mostly short, now and then up to `most`. */
  length(most: number): number {
    return 1 + this.below(this.oneIn(8) ? most : Math.min(most, 16));
  }
}
