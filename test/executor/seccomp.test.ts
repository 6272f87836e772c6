import { describe, expect, test } from "vitest";
import { ALLOWED_CALLS } from "../../src/executor/seccomp/allowed-calls.ts";
import { encodeFilter } from "../../src/executor/seccomp/filter-program.ts";
import { toOciSeccomp } from "../../src/executor/seccomp/oci-seccomp.ts";
import { DOCKER_PROFILE } from "../../src/executor/seccomp/profile.ts";

const X86_64 = 0xc000_003e;
const I386 = 0x4000_0003;
const X32 = 0x4000_0000;
const ALLOW = 0x7fff_0000;
const EPERM = 0x0005_0001;
const ENOSYS = 0x0005_0026;

const filter = encodeFilter(DOCKER_PROFILE);

describe("the filter answers", () => {
  test.each([
    { name: "read", arch: X86_64, number: 0, argument: 0, verdict: ALLOW },
    { name: "mount", arch: X86_64, number: 165, argument: 0, verdict: EPERM },
    { name: "unshare", arch: X86_64, number: 272, argument: 0, verdict: EPERM },
    { name: "bpf", arch: X86_64, number: 321, argument: 0, verdict: EPERM },
    { name: "keyctl", arch: X86_64, number: 250, argument: 0, verdict: EPERM },
    { name: "chroot", arch: X86_64, number: 161, argument: 0, verdict: ALLOW },
    { name: "removexattrat", arch: X86_64, number: 466, argument: 0, verdict: ALLOW },
    { name: "a call of the future", arch: X86_64, number: 467, argument: 0, verdict: ENOSYS },
    { name: "clone of a thread", arch: X86_64, number: 56, argument: 0x003d_0f00, verdict: ALLOW },
    { name: "clone into a user namespace", arch: X86_64, number: 56, argument: 0x1000_0011, verdict: EPERM },
    { name: "clone3", arch: X86_64, number: 435, argument: 0, verdict: ENOSYS },
    { name: "socket of AF_INET6", arch: X86_64, number: 41, argument: 10, verdict: ALLOW },
    { name: "socket of AF_ALG", arch: X86_64, number: 41, argument: 38, verdict: EPERM },
    { name: "socket of AF_VSOCK", arch: X86_64, number: 41, argument: 40, verdict: EPERM },
    { name: "socket of AF_XDP", arch: X86_64, number: 41, argument: 44, verdict: ALLOW },
    { name: "personality of PER_LINUX32", arch: X86_64, number: 135, argument: 8, verdict: ALLOW },
    {
      name: "personality without address randomisation",
      arch: X86_64,
      number: 135,
      argument: 0x4_0000,
      verdict: EPERM,
    },
    { name: "i386 read", arch: I386, number: 3, argument: 0, verdict: ALLOW },
    { name: "i386 mount", arch: I386, number: 21, argument: 0, verdict: EPERM },
    { name: "i386 chown32", arch: I386, number: 212, argument: 0, verdict: ALLOW },
    { name: "x32 read", arch: X86_64, number: X32, argument: 0, verdict: ALLOW },
    { name: "x32 mount", arch: X86_64, number: X32 + 165, argument: 0, verdict: EPERM },
    { name: "a call of another processor", arch: 0xc000_00b7, number: 0, argument: 0, verdict: 0 },
  ])("$name", ({ arch, number, argument, verdict }) => {
    expect(evaluate(filter, { arch, number, argument })).toBe(verdict);
  });

  test("every allowed call of x86-64 and i386, and no other below the newest", () => {
    for (const [arch, table] of [
      [X86_64, "x86_64"],
      [I386, "i386"],
    ] as const) {
      const allowed = new Set(ALLOWED_CALLS.map((call) => call[table]));
      for (let number = 0; number <= 466; number++) {
        const isConditional = DOCKER_PROFILE.slice(1).some((rule) =>
          rule.calls.some((call) => call[table] === number),
        );
        if (isConditional) continue;
        expect([number, evaluate(filter, { arch, number, argument: 0 })]).toEqual([
          number,
          allowed.has(number) ? ALLOW : EPERM,
        ]);
      }
    }
  });
});

test("the filter fits the kernel's limit", () => {
  expect(filter.length / 8).toBeLessThan(4096);
});

test("a runtime is told the same rules", () => {
  expect(JSON.stringify(toOciSeccomp())).toContain(
    '"names":["clone3"],"action":"SCMP_ACT_ERRNO","errnoRet":38',
  );
});

/** Classic BPF as the kernel runs it (Documentation/networking/filter.rst), the part of it that filters use. */
function evaluate(program: Buffer, call: { arch: number; number: number; argument: number }): number {
  const data: Record<number, number> = { 0: call.number, 4: call.arch, 16: call.argument };
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const code = program.readUInt16LE(8 * at);
    const k = program.readUInt32LE(8 * at + 4);
    const jump = (taken: boolean): number => program.readUInt8(8 * at + (taken ? 2 : 3));
    if (code === 0x20) accumulator = data[k] ?? Number.NaN;
    else if (code === 0x05) at += k;
    else if (code === 0x15) at += jump(accumulator === k);
    else if (code === 0x35) at += jump(accumulator >= k);
    else if (code === 0x45) at += jump((accumulator & k) >>> 0 !== 0);
    else if (code === 0x06) return k;
    else throw new Error(`instruction ${code}`);
  }
  throw new Error("the program ran off its end");
}
