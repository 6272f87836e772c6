import { chmodSync, chownSync, mkdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { BuildError } from "../core/errors.ts";
import { writeFileAtomic } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { LockFile } from "../host/lock-file.ts";
import { type Json, parseJsonObject } from "./json.ts";
import type { Environment } from "./proxy.ts";

export interface AuthFileOptions {
  readonly env: Environment;
  readonly home: string;
  /** --authfile. */
  readonly authFile?: string | undefined;
}

const LOCK_WAIT_MS = 10_000;
/** Nobody but its owner reads a file with passwords. */
const MODE = 0o600;

/** --authfile, else $REGISTRY_AUTH_FILE, else $DOCKER_CONFIG/config.json, else ~/.docker/config.json. */
export function chooseAuthFile({ env, home, authFile }: AuthFileOptions): {
  readonly path: string;
  readonly isNamed: boolean;
} {
  if (authFile !== undefined) return { path: authFile, isNamed: true };
  const named = env["REGISTRY_AUTH_FILE"] ?? "";
  if (named !== "") return { path: named, isNamed: true };
  const folder = env["DOCKER_CONFIG"] ?? "";
  return { path: join(folder === "" ? join(home, ".docker") : folder, "config.json"), isNamed: false };
}

/** Missing is the same as empty, unless the file must be there. Anything but a JSON object is `registry/bad-config`. */
export function readAuthFile(path: string, mustExist: boolean): Json {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    if (isMissing && !mustExist) return {};
    throw new BuildError("registry/bad-config", `the auth file ${path} cannot be read`, { cause });
  }
  const json = text.trim() === "" ? {} : parseJsonObject(text);
  if (json === undefined)
    throw new BuildError("registry/bad-config", `the auth file ${path} is no JSON object`);
  return json;
}

/**
 * Changes an auth file as a whole or not at all, one change at a time; what the change does not name stays as it is. The file is
 * 0600 from then on; a link is followed, and stays one.
 */
export function updateAuthFile(path: string, change: (file: Json) => Json): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const target = resolveLink(path);
    using lock = new LockFile(`${target}.lock`);
    if (!lock.acquire("exclusive", LOCK_WAIT_MS))
      throw new BuildError(
        "registry/bad-config",
        `the auth file ${path} is being written by another command`,
        {
          hint: "Try again in a moment.",
        },
      );
    const before = statSync(target, { throwIfNoEntry: false });
    const file = readAuthFile(target, false);
    const changed = change(file);
    if (changed === file) return;
    const text = `${JSON.stringify(changed, undefined, "\t")}\n`;
    writeFileAtomic(target, text, { tempDir: dirname(target), sync: true, mode: MODE });
    chmodSync(target, MODE);
    if (before !== undefined && before.uid !== process.getuid?.()) chownSync(target, before.uid, before.gid);
  } catch (cause) {
    if (cause instanceof BuildError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BuildError("registry/bad-config", `the auth file ${path} cannot be written: ${why}`, {
      hint: "Name another one with --authfile.",
      cause,
    });
  }
}

function resolveLink(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return path;
    throw error;
  }
}
