import { mkdirSync, statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { decodePath, encodePath } from "../core/byte-path.ts";
import type { ContainerMount } from "../core/container.ts";
import { BuildError } from "../core/errors.ts";

/** `-v HOST:CONTAINER[:ro]`. A missing HOST is made a directory, as Docker does; `cwd` is for a HOST such as `./x`. */
export function parseVolume(text: string, cwd: string): ContainerMount {
  const [source = "", target, options = "", ...rest] = text.split(":");
  if (target === undefined || rest.length > 0) {
    throw badMount(`--volume=${text}`, "It reads HOST:CONTAINER or HOST:CONTAINER:ro.");
  }
  if (!source.startsWith("/") && !/^\.{1,2}(\/|$)/.test(source)) {
    throw new BuildError("cli/not-supported", `--volume=${text}: there are no named volumes`, {
      hint: "Give a folder of this machine: an absolute path, or one that begins with ./",
    });
  }
  let readOnly = false;
  for (const option of options.split(",")) {
    if (option === "ro") readOnly = true;
    else if (option !== "" && option !== "rw") {
      throw badMount(
        `--volume=${text}`,
        `"${option}" is no option that can be had here: there are ro and rw.`,
      );
    }
  }
  const path = resolve(cwd, source);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) mkdirSync(path, { recursive: true });
  return { type: "bind", source: path, target: requireTarget(target, `--volume=${text}`), readOnly };
}

/** `--mount type=bind,source=DIR,target=DIR[,readonly]` and `type=tmpfs,target=DIR[,tmpfs-size=SIZE]`. */
export function parseMount(text: string, cwd: string): ContainerMount {
  const flag = `--mount=${text}`;
  const fields = new Map<string, string>();
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    const known = FIELD_NAMES[name.trim().toLowerCase()];
    if (known === undefined) {
      throw badMount(
        flag,
        `"${name}" is no field that can be had here: there are ${Object.keys(FIELD_NAMES).join(", ")}.`,
      );
    }
    fields.set(known, equals < 0 ? "true" : part.slice(equals + 1));
  }
  const type = fields.get("type") ?? "volume";
  const target = requireTarget(fields.get("target") ?? "", flag);
  const readOnly = readTruth(fields.get("readonly") ?? "false", flag);
  const source = fields.get("source");
  const size = fields.get("tmpfs-size");
  if (type === "tmpfs") {
    if (source !== undefined) throw badMount(flag, "A tmpfs has no source.");
    if (/^\/(dev|proc|sys)(\/|$)/.test(target))
      throw badMount(flag, "Its place is not in /dev, /proc or /sys.");
    return { type, target, readOnly, ...(size === undefined ? {} : { sizeBytes: readSize(size, flag) }) };
  }
  if (type !== "bind") {
    throw new BuildError("cli/not-supported", `${flag}: there are no mounts of type ${type}`, {
      hint: "There are type=bind and type=tmpfs.",
    });
  }
  if (size !== undefined) throw badMount(flag, "tmpfs-size is for type=tmpfs.");
  if (source === undefined || source === "") throw badMount(flag, "A bind has a source.");
  const path = resolve(cwd, source);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    throw badMount(flag, `${path} does not exist: make it first, or use --volume, which does.`);
  }
  return { type, source: path, target, readOnly };
}

/** As they are written to what they mean. */
const FIELD_NAMES: Readonly<Record<string, string>> = {
  type: "type",
  source: "source",
  src: "source",
  target: "target",
  destination: "target",
  dst: "target",
  readonly: "readonly",
  ro: "readonly",
  "tmpfs-size": "tmpfs-size",
};

/** Two mounts on one place hide one another: refused, as Docker does. */
export function requireDistinct(mounts: readonly ContainerMount[]): readonly ContainerMount[] {
  const seen = new Set<string>();
  for (const { target } of mounts) {
    if (seen.has(target)) throw badMount(`two mounts on ${target}`, "Keep one of them.");
    seen.add(target);
  }
  return mounts;
}

function requireTarget(text: string, flag: string): string {
  if (!isAbsolute(text)) throw badMount(flag, "The path in the container is absolute.");
  const target = `/${decodePath(encodePath(text))}`;
  if (target === "/") throw badMount(flag, "The container's / cannot be mounted over.");
  return target;
}

function readTruth(text: string, flag: string): boolean {
  if (["1", "true"].includes(text)) return true;
  if (["0", "false"].includes(text)) return false;
  throw badMount(flag, "readonly is true or false.");
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

function readSize(text: string, flag: string): number {
  const match = /^(\d+)([kmg]?)i?b?$/i.exec(text);
  const unit = UNITS[(match?.[2] ?? "").toLowerCase()];
  if (match?.[1] !== undefined && unit !== undefined) return Number(match[1]) * unit;
  throw badMount(flag, "A size is a number of bytes, or one such as 64m.");
}

function badMount(flag: string, hint: string): BuildError {
  return new BuildError("cli/usage", `${flag} cannot be mounted`, { hint });
}
