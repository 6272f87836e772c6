import { spawn } from "node:child_process";
import type { Container } from "../core/container.ts";
import { type ErrorCode, EXIT_CODE_OF } from "../core/error-codes.ts";
import { BuildError, isBuildError } from "../core/errors.ts";
import type { Workshop } from "../operations/workshop.ts";

/** Words of the command that runs a container with nobody attached. */
export const MONITOR_NAME = "container monitor";
/** The descriptor on which it tells how the start went. */
export const REPORT_FD = 3;

interface StartReport {
  readonly error?: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hint: string | undefined;
    readonly commandExitCode: number | undefined;
  };
}

/**
 * Starts a container in a tsbuild process of its own, which stays until the container ends: there is no daemon. Resolves once its
 * command runs; rejects as the start did.
 */
export async function startDetached(container: Container, shop: Workshop): Promise<void> {
  const [, program = ""] = process.argv;
  const args = [...process.execArgv, program, ...MONITOR_NAME.split(" "), container.id];
  const child = spawn(process.execPath, args, {
    // Nothing of the caller's may be held by it: no folder, no stream, no session.
    cwd: "/",
    detached: true,
    env: { ...shop.env, TSBUILD_HOME: shop.home },
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  let text = "";
  const channel = child.stdio[REPORT_FD];
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    channel?.on("data", (bytes: Buffer) => {
      text += bytes.toString("utf8");
    });
    channel?.once("close", () => resolve());
  });
  child.unref();
  if (!text.endsWith("\n")) {
    throw new BuildError(
      "run/workspace",
      `the process for container ${container.name} ended before its start`,
      {
        hint: `Try it in the foreground: tsbuild start -a ${container.name}`,
      },
    );
  }
  const { error }: StartReport = JSON.parse(text);
  if (error === undefined) return;
  throw new BuildError(error.code, error.message, {
    hint: error.hint,
    commandExitCode: error.commandExitCode,
  });
}

/** What the monitor writes for the process that waits for it. */
export function encodeReport(error?: unknown): string {
  if (error === undefined) return "{}\n";
  const message = error instanceof Error ? (error.stack ?? error.message) : "it failed without an error";
  const known = isBuildError(error) ? error : new BuildError("cli/bug", message);
  const { hint, commandExitCode } = known.details;
  return `${JSON.stringify({ error: { code: known.code, message: known.message, hint, commandExitCode } })}\n`;
}

/** Docker's exit codes of `run`: 126 and 127 for a command that cannot be started, 125 for everything before. */
export function runExitCodeOf({ code, details }: BuildError): number {
  if (code === "run/platform") return EXIT_CODE_OF[code];
  return code === "run/cannot-start" ? (details.commandExitCode ?? 125) : 125;
}
