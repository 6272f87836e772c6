import type { RunSpec } from "../../core/ports.ts";
import type { HostFacts } from "../host-facts.ts";
import { CAPABILITIES, MASKED_PATHS, OPEN_FILES, READ_ONLY_PATHS } from "../policy.ts";
import { type RunFiles, tmpfsOptions } from "../run-files.ts";
import { toOciSeccomp } from "../seccomp/oci-seccomp.ts";

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
  const bounding = Object.keys(CAPABILITIES);
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
      env: spec.env,
      cwd: spec.cwd,
      capabilities: { bounding, effective: held, permitted: held, inheritable: [], ambient: [] },
      rlimits: [
        {
          type: "RLIMIT_NOFILE",
          soft: Math.min(OPEN_FILES.soft, facts.openFilesHard),
          hard: facts.openFilesHard,
        },
      ],
      noNewPrivileges: false,
    },
    root: { path: files.root, readonly: spec.readOnlyRoot === true },
    hostname: spec.hostname,
    mounts: mounts(input),
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READ_ONLY_PATHS,
      seccomp: toOciSeccomp(),
    },
  };
}

function mounts({ spec, files, facts, dev }: RuntimeConfigInput): OciMount[] {
  const safe = ["nosuid", "noexec", "nodev"];
  const bindsSys = facts.inUserNamespace && spec.network === "host";
  const terminals = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
  return [
    { destination: "/proc", type: "proc", source: "proc", options: safe },
    // Bound, so that the runtime makes no device nodes: those on a tmpfs of its own would work, also new ones of the command.
    { destination: "/dev", type: "bind", source: dev, options: ["rbind", "nosuid", "nodev"] },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: facts.hasTtyGroup ? [...terminals, "gid=5"] : terminals,
    },
    { destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...safe, "mode=1777", "size=65536k"] },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: safe },
    bindsSys
      ? { destination: "/sys", type: "bind", source: "/sys", options: ["rbind", ...safe, "ro"] }
      : { destination: "/sys", type: "sysfs", source: "sysfs", options: [...safe, "ro"] },
    ...files.tmpfs.map(
      (tmpfs): OciMount => ({
        destination: tmpfs.target,
        type: "tmpfs",
        source: "tmpfs",
        options: [...safe, tmpfs.readOnly ? "ro" : "rw", ...tmpfsOptions(tmpfs).split(",")],
      }),
    ),
    ...files.injections.map(
      ({ source, target, readOnly }): OciMount => ({
        destination: target,
        type: "bind",
        source,
        options: ["rbind", "nodev", readOnly ? "ro" : "rw"],
      }),
    ),
  ];
}
