import type { KeyInput } from "../core/cache-key.ts";
import { formatPlatform } from "../core/platform.ts";
import type { RunMount, RunOp, Step } from "../core/step.ts";
import { unreachable } from "../core/unreachable.ts";
import { fields } from "./encode.ts";
import { MOUNT_DECLARATION } from "./explain.ts";
import type { KeyMaterial } from "./model.ts";

/** What a command can see: argv, environment in its order, directory, user, network, platform, mounts. */
export function runInputs(op: RunOp, step: Step, material: KeyMaterial): KeyInput[] {
  const names = op.env.map((entry) => entry.slice(0, entry.indexOf("=")));
  return [
    { kind: "instruction", subject: "RUN", value: fields(op.args) },
    { kind: "platform", subject: "", value: formatPlatform(material.platform) },
    { kind: "cwd", subject: "", value: op.cwd },
    { kind: "user", subject: "", value: op.user },
    { kind: "network", subject: "", value: op.network },
    ...(op.hostname === undefined
      ? []
      : [{ kind: "args" as const, subject: "BUILDKIT_SANDBOX_HOSTNAME", value: op.hostname }]),
    ...(op.inline ?? []).map((file) => ({
      kind: "files" as const,
      subject: `<<${file.name}`,
      value: file.content,
    })),
    ...conditionInputs(op),
    ...mountInputs(op, material),
    ...op.env.map((entry, i) => variable(names[i] ?? "", entry, { step, material })),
    // The order of the environment is what a command sees too.
    { kind: "env", subject: "(order)", value: fields(names) },
  ];
}

/** Left out where nothing is asked for. The addresses of hosts are not in the op, and so in no key. */
function conditionInputs({ security, hosts, shmBytes, ulimits, cgroupParent }: RunOp): KeyInput[] {
  return [
    ...(security === undefined ? [] : [flagInput("--security", security)]),
    ...(hosts === undefined ? [] : [flagInput("--add-host", ...hosts)]),
    ...(shmBytes === undefined ? [] : [flagInput("--shm-size", String(shmBytes))]),
    ...(ulimits ?? []).map(({ name, soft, hard }) => flagInput("--ulimit", name, String(soft), String(hard))),
    ...(cgroupParent === undefined ? [] : [flagInput("--cgroup-parent", cgroupParent)]),
  ];
}

function flagInput(name: string, ...values: readonly string[]): KeyInput {
  return { kind: "instruction", subject: name, value: fields(values) };
}

/** Each mount as it is declared, and the content of what it brings. Secrets and agents: only that they are there. */
function mountInputs(op: RunOp, { sources }: KeyMaterial): KeyInput[] {
  const seen = new Set<string>();
  return (op.mounts ?? []).flatMap((mount, i): KeyInput[] => {
    const declared = {
      kind: "mount" as const,
      subject: mountSubject(mount),
      value: fields(mountFields(mount)),
    };
    const brought = sources
      .filter((source) => source.mount === i)
      .map((source): KeyInput => {
        const subject = seen.has(source.path) ? `${source.path} at ${mount.target ?? ""}` : source.path;
        seen.add(source.path);
        const { name, type, mode, owner, xattrs, digest } = source;
        return {
          kind: "mount",
          subject,
          value: fields([name, type, mode.toString(8), owner, xattrs, digest]),
        };
      });
    return [declared, ...brought];
  });
}

function mountSubject(mount: RunMount): string {
  return `${MOUNT_DECLARATION}${mount.target ?? ""}`;
}

/** Every field but the content of what is mounted: `from` enters by that. */
function mountFields(mount: RunMount): string[] {
  switch (mount.type) {
    case "bind":
      return ["bind", accessField(mount)];
    case "cache":
      return ["cache", accessField(mount), mount.source, ...ownerFields(mount)];
    case "tmpfs":
      return ["tmpfs", accessField(mount), String(mount.sizeBytes ?? "")];
    case "secret":
    case "ssh": {
      const env = mount.type === "secret" ? (mount.env ?? "") : "";
      return [mount.type, mount.id, env, mount.required ? "required" : "", ...ownerFields(mount)];
    }
    default:
      return unreachable(mount);
  }
}

function accessField({ readOnly }: { readonly readOnly: boolean }): string {
  return readOnly ? "ro" : "rw";
}

function ownerFields(mount: { readonly mode: number; readonly uid: number; readonly gid: number }): string[] {
  return [mount.mode.toString(8), String(mount.uid), String(mount.gid)];
}

/** A variable of a command, its value hidden where it looks secret. */
export function variable(
  name: string,
  entry: string,
  { step, material }: { readonly step: Step; readonly material: KeyMaterial },
): KeyInput {
  const value = entry.slice(name.length + 1);
  const kind = name in step.meta.args ? "args" : "env";
  const redacted = material.redact(name, value);
  return redacted === undefined
    ? { kind, subject: name, value }
    : { kind, subject: name, value: redacted, redacted: true };
}
