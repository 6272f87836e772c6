import type { FuzzTarget } from "./target.ts";

/** Bugs planted for the tests of the fuzzer: what it must find, it has to be seen to find. */
export function openTarget(): FuzzTarget {
  return {
    seeds: [Buffer.from("a harmless seed of some length")],
    pieces: ["CRASH", "ENDLESS", "GREEDY"].map((text) => Buffer.from(text)),
    maxBytes: 4096,
    run: (input) => {
      const text = input.toString("latin1");
      if (text.includes("CRASH")) throw new TypeError("the planted bug");
      if (text.includes("ENDLESS")) for (;;) text.indexOf("x");
      if (text.includes("GREEDY")) {
        const kept: number[][] = [];
        for (;;) kept.push(Array<number>(1_000_000).fill(0.5));
      }
      return String(text.length >> 5);
    },
    [Symbol.dispose]: () => undefined,
  };
}
