import type { RunSpec } from "../../core/ports.ts";
import type { HostFacts } from "../host-facts.ts";
import { CAPABILITY_NAMES, isolationOf, limitsOf, SHM_BYTES } from "../policy.ts";
import type { RunFiles } from "../run-files.ts";
import { toOciSeccomp } from "../seccomp/oci-seccomp.ts";
import { stagedPath } from "../stage-mounts.ts";

interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface RuntimeConfigInput {
  readonly spec: RunSpec;
  readonly files: RunFiles;
  readonly facts: HostFacts;
  /** Directory that the launcher fills as /dev. */
  readonly dev: string;
  readonly hasTerminal: boolean;
}

/** config.json of a bundle (OCI runtime-spec 1.0) that says what policy.ts says. */
export function runtimeConfig(input: RuntimeConfigInput): object {
  const { spec, files, facts } = input;
  const { capabilities, hasSeccomp, maskedPaths, readOnlyPaths } = isolationOf(spec.insecure);
  const bounding = Object.keys(capabilities ?? heldCapabilities(facts));
  const held = spec.user.uid === 0 ? bounding : [];
  const namespaces = ["pid", "mount", "ipc", "uts", ...(spec.network === "none" ? ["network"] : [])];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: input.hasTerminal,
      user: {
        uid: spec.user.uid,
        gid: spec.user.gid,
        umask: 0o022,
        additionalGids: facts.canSetGroups ? spec.user.groups : [],
      },
      args: spec.args,
      env: [...spec.env, ...(spec.secretEnv ?? []).map(({ name, value }) => `${name}=${value}`)],
      cwd: spec.cwd,
      capabilities: { bounding, effective: held, permitted: held, inheritable: [], ambient: [] },
      rlimits: limitsOf(spec.ulimits, facts.openFilesHard).map(({ name, soft, hard }) => ({
        type: `RLIMIT_${name.toUpperCase()}`,
        soft: toLimit(soft),
        hard: toLimit(hard),
      })),
      noNewPrivileges: false,
    },
    root: { path: files.root, readonly: spec.readOnlyRoot === true },
    hostname: spec.hostname,
    mounts: mounts(input),
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      maskedPaths,
      readonlyPaths: readOnlyPaths,
      ...(hasSeccomp ? { seccomp: toOciSeccomp() } : {}),
    },
  };
}

function mounts({ spec, files, facts, dev }: RuntimeConfigInput): OciMount[] {
  const safe = ["nosuid", "noexec", "nodev"];
  const { noDevices, readOnlySys } = isolationOf(spec.insecure);
  const sysAccess = readOnlySys ? "ro" : "rw";
  const bindsSys = facts.inUserNamespace && spec.network === "host";
  const terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
  return [
    { destination: "/proc", type: "proc", source: "proc", options: safe },
    // Bound, so that the runtime makes no device nodes: those on a tmpfs of its own would work, also new ones of the command.
    {
      destination: "/dev",
      type: "bind",
      source: dev,
      options: ["rbind", "nosuid", ...(noDevices ? ["nodev"] : [])],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: facts.hasTtyGroup ? [...terminals, "gid=5"] : terminals,
    },
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: [...safe, "mode=1777", `size=${spec.shmBytes ?? SHM_BYTES}`],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: safe },
    bindsSys
      ? { destination: "/sys", type: "bind", source: "/sys", options: ["rbind", ...safe, sysAccess] }
      : { destination: "/sys", type: "sysfs", source: "sysfs", options: [...safe, sysAccess] },
    ...files.injections.map(
      (injection): OciMount => ({
        destination: injection.target,
        type: "bind",
        source: injection.beneath === undefined ? injection.source : stagedPath(files, injection),
        options: ["rbind", "nodev", injection.readOnly ? "ro" : "rw"],
      }),
    ),
  ];
}

/** Every capability that this process may hand on, by name. */
function heldCapabilities(facts: HostFacts): Readonly<Record<string, number>> {
  return Object.fromEntries(
    CAPABILITY_NAMES.map((name, bit) => [name, bit] as const).filter(
      ([, bit]) => ((facts.capabilities >> BigInt(bit)) & 1n) === 1n,
    ),
  );
}

/** RLIM_INFINITY. JSON of ours holds no number so large exactly; 2^63 is what runtimes take for it as well. */
function toLimit(value: number): number {
  return value < 0 ? Number.MAX_SAFE_INTEGER : value;
}
