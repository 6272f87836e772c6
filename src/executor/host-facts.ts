import { readFileSync } from "node:fs";
import { OPEN_FILES } from "./policy.ts";

/** What this process is allowed, as far as executors must know; the same for its whole life. */
export interface HostFacts {
  readonly inUserNamespace: boolean;
  /** setgroups(2) works: not in a user namespace with a single mapped id. */
  readonly canSetGroups: boolean;
  /** Group 5, Docker's owner of terminals, exists here. */
  readonly hasTtyGroup: boolean;
  /** The highest limit of open files that we may set. */
  readonly openFilesHard: number;
  /** The capabilities that a process of ours can be given, as bits. */
  readonly capabilities: bigint;
}

let known: HostFacts | undefined;

export function hostFacts(): HostFacts {
  known ??= readHostFacts();
  return known;
}

function readHostFacts(): HostFacts {
  const groups = readMap("/proc/self/gid_map");
  const isWhole = groups.length === 1 && groups[0]?.inside === 0 && groups[0].count === 0xffff_ffff;
  const hard = Number(
    /^Max open files\s+\S+\s+(\d+)/m.exec(read("/proc/self/limits"))?.[1] ?? OPEN_FILES.hard,
  );
  return {
    capabilities: BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(read("/proc/self/status"))?.[1] ?? "0"}`),
    inUserNamespace: !isWhole,
    canSetGroups: read("/proc/self/setgroups").trim() !== "deny",
    hasTtyGroup: groups.some((range) => range.inside <= 5 && 5 < range.inside + range.count),
    openFilesHard: isWhole && mayRaiseLimits() ? OPEN_FILES.hard : Math.min(hard, OPEN_FILES.hard),
  };
}

/** CAP_SYS_RESOURCE of the host: some containers' and machines' root goes without it. */
function mayRaiseLimits(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(read("/proc/self/status"))?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n;
}

function readMap(path: string): { readonly inside: number; readonly count: number }[] {
  return read(path)
    .trim()
    .split("\n")
    .map((line) => {
      const [inside, , count] = line.trim().split(/\s+/).map(Number);
      return { inside: inside ?? 0, count: count ?? 0 };
    });
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
