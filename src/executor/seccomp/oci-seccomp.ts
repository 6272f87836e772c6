import { unreachable } from "../../core/unreachable.ts";
import { DOCKER_PROFILE, EPERM, type Rule } from "./profile.ts";

interface OciRule {
  readonly names: readonly string[];
  readonly action: "SCMP_ACT_ALLOW" | "SCMP_ACT_ERRNO";
  readonly errnoRet?: number;
  readonly args?: readonly {
    readonly index: 0;
    readonly value: number;
    readonly valueTwo: number;
    readonly op: string;
  }[];
}

/** The profile in the words of an OCI runtime (runtime-spec, config-linux.md#seccomp). */
export function toOciSeccomp(): object {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    architectures:
      process.arch === "arm64"
        ? ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
        : ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    syscalls: DOCKER_PROFILE.flatMap(toOciRules),
  };
}

function toOciRules({ calls, verdict }: Rule): OciRule[] {
  const names = calls.map((call) => call.name);
  switch (verdict.type) {
    case "allow":
      return [{ names, action: "SCMP_ACT_ALLOW" }];
    case "error":
      return [{ names, action: "SCMP_ACT_ERRNO", errnoRet: verdict.errno }];
    case "allow-without-flags":
      return [
        {
          names,
          action: "SCMP_ACT_ALLOW",
          args: [{ index: 0, value: verdict.mask, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }],
        },
      ];
    case "allow-values":
      return verdict.values.map((value) => allowEqual(names, value));
    case "allow-ranges":
      // One rule a value: comparing one argument twice means "or" to a runtime.
      return verdict.ranges.flatMap(([first, last]) =>
        Array.from({ length: last - first + 1 }, (_, i) => allowEqual(names, first + i)),
      );
    default:
      return unreachable(verdict);
  }
}

function allowEqual(names: readonly string[], value: number): OciRule {
  return { names, action: "SCMP_ACT_ALLOW", args: [{ index: 0, value, valueTwo: 0, op: "SCMP_CMP_EQ" }] };
}
