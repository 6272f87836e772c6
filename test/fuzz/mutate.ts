import type { Random } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

type Mutation = (input: Buffer, random: Random, target: FuzzTarget) => Buffer;

/** Bytes with a meaning in one format or another. */
const SPECIAL = Buffer.from("\0\n\r\t\v \\`'\"$#={}[]<>/.!*?:,-07\x7f\x80\xa0\xbb\xc3\xef\xff", "latin1");

const MUTATIONS: readonly Mutation[] = [
  (input, random) => changed(input, random, (byte) => byte ^ (1 << random.below(8))),
  (input, random) => changed(input, random, () => SPECIAL[random.below(SPECIAL.length)] ?? 0),
  (input, random) => changed(input, random, () => random.below(256)),
  (input, random, target) => inserted(input, random, random.pick(target.pieces)),
  (input, random, target) => inserted(input, random, random.pick(target.pieces)),
  (input, random) => inserted(input, random, SPECIAL.subarray(random.below(SPECIAL.length)).subarray(0, 1)),
  (input, random, target) => overwritten(input, random, random.pick(target.pieces)),
  cut,
  repeated,
  moved,
  (input, random) => input.subarray(0, random.below(input.length)),
  (input, random, target) => spliced(input, random, random.pick(target.seeds)),
];

/** A few mutations one after another, and the format's own repair. */
export function mutate(input: Buffer, random: Random, target: FuzzTarget): Buffer {
  let mutated = input;
  for (let left = random.length(12); left > 0; left--) {
    mutated = random.pick(MUTATIONS)(mutated, random, target).subarray(0, target.maxBytes);
  }
  return target.repair === undefined ? mutated : target.repair(mutated, random);
}

function changed(input: Buffer, random: Random, change: (byte: number) => number): Buffer {
  const copy = Buffer.from(input);
  const at = random.below(copy.length);
  if (at < copy.length) copy[at] = change(copy[at] ?? 0);
  return copy;
}

function inserted(input: Buffer, random: Random, piece: Buffer): Buffer {
  const at = random.below(input.length + 1);
  return Buffer.concat([input.subarray(0, at), piece, input.subarray(at)]);
}

function overwritten(input: Buffer, random: Random, piece: Buffer): Buffer {
  const at = random.below(input.length);
  return Buffer.concat([input.subarray(0, at), piece, input.subarray(at + piece.length)]);
}

function cut(input: Buffer, random: Random): Buffer {
  const at = random.below(input.length);
  return Buffer.concat([input.subarray(0, at), input.subarray(at + random.length(600))]);
}

/** Repeats a stretch, now and then thousands of times: what is quadratic shows. */
function repeated(input: Buffer, random: Random): Buffer {
  const at = random.below(input.length);
  const stretch = input.subarray(at, at + random.length(64));
  const times = 1 + (random.oneIn(6) ? random.below(4000) : random.below(6));
  return Buffer.concat([input.subarray(0, at), ...Array<Buffer>(times).fill(stretch), input.subarray(at)]);
}

function moved(input: Buffer, random: Random): Buffer {
  const from = random.below(input.length);
  return overwritten(input, random, input.subarray(from, from + random.length(512)));
}

function spliced(input: Buffer, random: Random, other: Buffer): Buffer {
  return Buffer.concat([
    input.subarray(0, random.below(input.length + 1)),
    other.subarray(random.below(other.length + 1)),
  ]);
}
