import { readdirSync, readFileSync } from "node:fs";
import { BuildError } from "../core/errors.ts";
import { formatPlatform, type Platform } from "../core/platform.ts";
import type { BuildPlan } from "../plan/types.ts";
import { placeOf } from "../steps/place-of.ts";
import { HOST_PLATFORM } from "./plan-options.ts";

const BINFMT = "/proc/sys/fs/binfmt_misc";

/** How Linux knows programs of an architecture: `e_machine` of their ELF header, its class and byte order (elf.h). */
const ELF_OF: Readonly<
  Record<string, { readonly machine: number; readonly is64: boolean; readonly isBig: boolean }>
> = {
  "386": { machine: 3, is64: false, isBig: false },
  amd64: { machine: 62, is64: true, isBig: false },
  arm: { machine: 40, is64: false, isBig: false },
  arm64: { machine: 183, is64: true, isBig: false },
  loong64: { machine: 258, is64: true, isBig: false },
  mips: { machine: 8, is64: false, isBig: true },
  mipsle: { machine: 8, is64: false, isBig: false },
  mips64: { machine: 8, is64: true, isBig: true },
  mips64le: { machine: 8, is64: true, isBig: false },
  ppc64: { machine: 21, is64: true, isBig: true },
  ppc64le: { machine: 21, is64: true, isBig: false },
  riscv64: { machine: 243, is64: true, isBig: false },
  s390x: { machine: 22, is64: true, isBig: true },
};
/** What a 64-bit machine runs by itself. */
const ALSO_NATIVE: Readonly<Record<string, readonly string[]>> = { amd64: ["386"] };

/** Debian's and most distributions' name for it in qemu-user-static and in binfmt_misc. */
const QEMU_OF: Readonly<Record<string, string>> = {
  "386": "i386",
  amd64: "x86_64",
  arm64: "aarch64",
  loong64: "loongarch64",
  mipsle: "mipsel",
  mips64le: "mips64el",
};

/** A program of another architecture that this kernel hands to an emulator. */
export interface Emulator {
  readonly name: string;
  readonly interpreter: string;
  /** Flag F: opened when it was registered, so that it is found in every root file system. */
  readonly isFixed: boolean;
}

/** Whether commands of this platform can run here: natively (null), by an emulator, or not at all (undefined). */
export function findEmulator(platform: Platform): Emulator | null | undefined {
  const { architecture } = platform;
  const native = HOST_PLATFORM.architecture;
  if (architecture === native || ALSO_NATIVE[native]?.includes(architecture) === true) return null;
  const elf = ELF_OF[architecture];
  if (process.platform !== "linux" || elf === undefined) return undefined;
  return emulators().find(({ head }) => matchesElf(head, elf))?.emulator;
}

/** Refuses a plan with a RUN that could not start here, at that RUN, before anything has been done. */
export function requireEmulation(plan: BuildPlan): void {
  for (const step of plan.steps.values()) {
    if (step.op.type !== "run") continue;
    const { platform } = step.meta;
    if (platform.architecture === HOST_PLATFORM.architecture) continue;
    const emulator = findEmulator(platform);
    if (emulator === null || emulator?.isFixed === true) continue;
    const details = { at: step.meta.at, step: placeOf(step) };
    if (emulator === undefined) {
      throw new BuildError(
        "run/platform",
        `programs of ${formatPlatform(platform)} cannot run on this ${HOST_PLATFORM.architecture} machine`,
        {
          ...details,
          hint: `${registerHint(platform)} Or do this step in a stage FROM --platform=$BUILDPLATFORM.`,
        },
      );
    }
    throw new BuildError(
      "run/platform",
      `the emulator ${emulator.name} is registered without the flag F, so no image can use it`,
      {
        ...details,
        hint: registerHint(platform),
      },
    );
  }
}

/** How an emulator comes to be. */
export function registerHint(platform: Platform): string {
  const name = QEMU_OF[platform.architecture] ?? platform.architecture;
  return `Register qemu-${name}: apt-get install qemu-user-static binfmt-support (it must be registered with the flag F), or docker run --privileged tonistiigi/binfmt --install ${platform.architecture}.`;
}

/** Architectures beside this machine's that RUN works for; for doctor. */
export function emulatedArchitectures(): readonly string[] {
  const known = emulators().filter(({ emulator }) => emulator.isFixed);
  return Object.entries(ELF_OF).flatMap(([architecture, elf]) =>
    architecture !== HOST_PLATFORM.architecture && known.some(({ head }) => matchesElf(head, elf))
      ? [architecture]
      : [],
  );
}

interface Registered {
  readonly emulator: Emulator;
  readonly head: { readonly magic: Buffer; readonly mask: Buffer };
}

/** Entries of binfmt_misc that are switched on and look for ELF headers (kernel: admin-guide/binfmt-misc). */
function emulators(): readonly Registered[] {
  let names: readonly string[];
  try {
    names = readdirSync(BINFMT).filter((name) => name !== "register" && name !== "status");
    if (names.length === 0 || readFileSync(`${BINFMT}/status`, "latin1").trim() !== "enabled") return [];
  } catch {
    // Not mounted, or not in this kernel.
    return [];
  }
  return names.flatMap((name) => {
    const text = readEntry(`${BINFMT}/${name}`);
    const field = (key: string) => new RegExp(`^${key}:? (.*)$`, "m").exec(text)?.[1];
    const magic = field("magic");
    const interpreter = field("interpreter");
    if (!text.startsWith("enabled") || magic === undefined || interpreter === undefined) return [];
    if (field("offset") !== "0" || !magic.startsWith("7f454c46")) return [];
    const mask = field("mask") ?? "f".repeat(magic.length);
    const isFixed = (field("flags") ?? "").includes("F");
    const head = { magic: Buffer.from(magic, "hex"), mask: Buffer.from(mask, "hex") };
    return [{ emulator: { name, interpreter, isFixed }, head }];
  });
}

function readEntry(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** The head of an ordinary program of the architecture, as the kernel would compare it. */
function matchesElf(
  { magic, mask }: Registered["head"],
  elf: { readonly machine: number; readonly is64: boolean; readonly isBig: boolean },
): boolean {
  const head = Buffer.alloc(20);
  head.set([0x7f, 0x45, 0x4c, 0x46, elf.is64 ? 2 : 1, elf.isBig ? 2 : 1, 1, 0]);
  if (elf.isBig) head.set([0, 2, 0, elf.machine], 16);
  else head.set([2, 0, elf.machine & 0xff, elf.machine >> 8], 16);
  return magic.every((byte, i) => (byte & (mask[i] ?? 0xff)) === ((head[i] ?? 0) & (mask[i] ?? 0xff)));
}
