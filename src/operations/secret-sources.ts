import { readFileSync, statSync } from "node:fs";
import { BuildError } from "../core/errors.ts";
import type { SecretSource } from "./types.ts";

/** BuildKit's limit of one secret. */
const MAX_SECRET_BYTES = 500 * 1024;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Looks that every secret can be read, before anything is done; the values are read when a step asks for them, and kept
 * nowhere. Throws `run/no-secret`.
 */
export function checkSecrets(secrets: readonly SecretSource[], env: Env): void {
  for (const secret of secrets) {
    const file = fileOf(secret, env);
    if (file !== undefined) checkFile(secret.id, file);
  }
}

/** The value of a secret by its id; undefined: none of that id was given, or its variable is not set. */
export function readSecret(secrets: readonly SecretSource[], id: string, env: Env): Uint8Array | undefined {
  const secret = secrets.findLast((one) => one.id === id);
  if (secret === undefined) return undefined;
  const file = fileOf(secret, env);
  if (file !== undefined) {
    checkFile(id, file);
    return readFileSync(file);
  }
  const value = env[secret.env ?? id];
  return value === undefined ? undefined : Buffer.from(value, "utf8");
}

/** An id alone is the name of a variable, where one is set, else of a file (BuildKit: session/secrets/secretsprovider). */
function fileOf({ id, file, env: variable }: SecretSource, env: Env): string | undefined {
  if (file !== undefined) return file;
  return variable === undefined && env[id] === undefined ? id : undefined;
}

function checkFile(id: string, file: string): void {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) {
    throw new BuildError("run/no-secret", `the secret "${id}": there is no file ${file}`, {
      hint: `Write --secret id=${id},src=FILE, or --secret id=${id},env=VARIABLE.`,
    });
  }
  if (stat.size <= MAX_SECRET_BYTES) return;
  throw new BuildError("run/no-secret", `the secret "${id}" is larger than 500 KiB`, {
    hint: "A secret is a key or a password. Larger files can be bound: RUN --mount=type=bind.",
  });
}
