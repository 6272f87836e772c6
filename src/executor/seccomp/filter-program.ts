import { unreachable } from "../../core/unreachable.ts";
import { ENOSYS, EPERM, type Rule, type Verdict } from "./profile.ts";

/** One instruction of classic BPF (struct sock_filter); `k` unsigned. Jumps count from the next instruction. */
interface Instruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly k: number;
}

const OP = { load: 0x20, jump: 0x05, jumpIfEqual: 0x15, jumpIfAtLeast: 0x35, jumpIfAny: 0x45, return: 0x06 };
/** Offsets in struct seccomp_data. */
const DATA = { number: 0, architecture: 4, firstArgument: 16 };
const ARCHITECTURE = { x86_64: 0xc000_003e, i386: 0x4000_0003 };
const X32_BIT = 0x4000_0000;
const ALLOW = 0x7fff_0000;
const KILL_THREAD = 0;
const ERRNO = 0x0005_0000;
const LONGEST_JUMP = 255;

/**
 * The rules as a filter for x86-64, i386 and x32 (kernel: Documentation/userspace-api/seccomp_filter.rst). Calls newer
 * than all that the rules name fail with ENOSYS, as runc has it, so that a C library takes its older way; others with EPERM.
 */
export function encodeFilter(rules: readonly Rule[]): Buffer {
  const x86_64 = [...decide(rules, "x86_64", 0), ...decide(rules, "x32", X32_BIT)];
  const program = [
    load(DATA.architecture),
    ...ifEqual(ARCHITECTURE.x86_64, [load(DATA.number), ...tree(x86_64)]),
    ...ifEqual(ARCHITECTURE.i386, [load(DATA.number), ...tree(decide(rules, "i386", 0))]),
    end(KILL_THREAD),
  ];
  const bytes = Buffer.alloc(8 * program.length);
  for (const [i, { code, ifTrue, ifFalse, k }] of program.entries()) {
    bytes.writeUInt16LE(code, 8 * i);
    bytes.writeUInt8(ifTrue, 8 * i + 2);
    bytes.writeUInt8(ifFalse, 8 * i + 3);
    bytes.writeUInt32LE(k, 8 * i + 4);
  }
  return bytes;
}

/** Calls from `start` up to the start of the next segment share a verdict. */
interface Segment {
  readonly start: number;
  readonly verdict: Verdict;
}

function decide(rules: readonly Rule[], table: "x86_64" | "i386" | "x32", base: number): Segment[] {
  const verdicts = new Map<number, Verdict>();
  for (const { calls, verdict } of rules) {
    for (const call of calls) {
      const number = call[table];
      if (number !== undefined) verdicts.set(number, verdict);
    }
  }
  const newest = Math.max(...verdicts.keys());
  const refused: Verdict = { type: "error", errno: EPERM };
  const segments: Segment[] = [];
  for (let number = 0; number <= newest; number++) {
    const verdict = verdicts.get(number) ?? refused;
    if (segments.at(-1)?.verdict !== verdict) segments.push({ start: base + number, verdict });
  }
  segments.push({ start: base + newest + 1, verdict: { type: "error", errno: ENOSYS } });
  return segments;
}

/** A binary search over the segments, the verdicts as its leaves. The accumulator holds the number. */
function tree(segments: readonly Segment[]): Instruction[] {
  const middle = segments[Math.floor(segments.length / 2)];
  const only = segments[0];
  if (only === undefined || middle === undefined) return [end(KILL_THREAD)];
  if (segments.length === 1) return leaf(only.verdict);
  const below = tree(segments.slice(0, Math.floor(segments.length / 2)));
  const above = tree(segments.slice(Math.floor(segments.length / 2)));
  if (below.length <= LONGEST_JUMP) {
    return [
      { code: OP.jumpIfAtLeast, ifTrue: below.length, ifFalse: 0, k: middle.start },
      ...below,
      ...above,
    ];
  }
  // Conditional jumps reach 255 instructions; the unconditional one reaches any.
  const step = { code: OP.jumpIfAtLeast, ifTrue: 0, ifFalse: 1, k: middle.start };
  return [step, { code: OP.jump, ifTrue: 0, ifFalse: 0, k: below.length }, ...below, ...above];
}

function leaf(verdict: Verdict): Instruction[] {
  switch (verdict.type) {
    case "allow":
      return [end(ALLOW)];
    case "error":
      return [end(ERRNO | verdict.errno)];
    case "allow-without-flags":
      return [
        load(DATA.firstArgument),
        { code: OP.jumpIfAny, ifTrue: 1, ifFalse: 0, k: verdict.mask },
        end(ALLOW),
        end(ERRNO | EPERM),
      ];
    case "allow-values":
      return [
        load(DATA.firstArgument),
        ...verdict.values.flatMap((value) => ifEqual(value, [end(ALLOW)])),
        end(ERRNO | EPERM),
      ];
    case "allow-ranges":
      return [load(DATA.firstArgument), ...verdict.ranges.flatMap(allowRange), end(ERRNO | EPERM)];
    default:
      return unreachable(verdict);
  }
}

function allowRange([first, last]: readonly [number, number]): Instruction[] {
  return [
    { code: OP.jumpIfAtLeast, ifTrue: 0, ifFalse: 2, k: first },
    { code: OP.jumpIfAtLeast, ifTrue: 1, ifFalse: 0, k: last + 1 },
    end(ALLOW),
  ];
}

/** The block where the accumulator equals `value`, else what comes behind it. */
function ifEqual(value: number, block: readonly Instruction[]): Instruction[] {
  return [
    { code: OP.jumpIfEqual, ifTrue: 1, ifFalse: 0, k: value },
    { code: OP.jump, ifTrue: 0, ifFalse: 0, k: block.length },
    ...block,
  ];
}

function load(offset: number): Instruction {
  return { code: OP.load, ifTrue: 0, ifFalse: 0, k: offset };
}

function end(action: number): Instruction {
  return { code: OP.return, ifTrue: 0, ifFalse: 0, k: action };
}
