import type { KeyInput } from "../core/cache-key.ts";
import { formatPlatform } from "../core/platform.ts";
import type { RunOp, Step } from "../core/step.ts";
import { fields } from "./encode.ts";
import type { KeyMaterial } from "./model.ts";

/** What a command can see: argv, environment in its order, directory, user, network, platform. */
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
    ...op.env.map((entry, i) => variable(names[i] ?? "", entry, { step, material })),
    // The order of the environment is what a command sees too.
    { kind: "env", subject: "(order)", value: fields(names) },
  ];
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
