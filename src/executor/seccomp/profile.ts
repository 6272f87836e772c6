import { ALLOWED_CALLS, type CallNumbers, CONDITIONAL } from "./allowed-calls.ts";

/** What becomes of a call: decided by its number, or by the low 32 bits of its first argument. */
export type Verdict =
  | { readonly type: "allow" }
  | { readonly type: "error"; readonly errno: number }
  | { readonly type: "allow-without-flags"; readonly mask: number }
  | { readonly type: "allow-values"; readonly values: readonly number[] }
  | { readonly type: "allow-ranges"; readonly ranges: readonly (readonly [number, number])[] };

export interface Rule {
  readonly calls: readonly CallNumbers[];
  readonly verdict: Verdict;
}

export const EPERM = 1;
export const ENOSYS = 38;

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NAMESPACE_FLAGS = 0x7e02_0000;

/** Address families that may be used, first and last: not the ones that the kernel dropped, nor AF_ALG (38), nor AF_VSOCK (40). */
const SOCKET_FAMILIES = [
  [0, 11],
  [13, 18],
  [21, 22],
  [24, 24],
  [26, 33],
  [35, 36],
  [39, 39],
  [41, 45],
] as const;

/** PER_LINUX, PER_LINUX32, each with and without UNAME26; and the question which one is set. */
const PERSONALITIES = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/** Docker's default seccomp profile for its default capabilities. Every other call fails with EPERM. */
export const DOCKER_PROFILE: readonly Rule[] = [
  { calls: ALLOWED_CALLS, verdict: { type: "allow" } },
  { calls: [CONDITIONAL.clone], verdict: { type: "allow-without-flags", mask: NAMESPACE_FLAGS } },
  // Its flags are behind a pointer; told that it does not exist, libraries use clone instead.
  { calls: [CONDITIONAL.clone3], verdict: { type: "error", errno: ENOSYS } },
  { calls: [CONDITIONAL.socket], verdict: { type: "allow-ranges", ranges: SOCKET_FAMILIES } },
  { calls: [CONDITIONAL.personality], verdict: { type: "allow-values", values: PERSONALITIES } },
];
