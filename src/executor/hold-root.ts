import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { RootSpec } from "../core/ports.ts";
import { hostFacts } from "./host-facts.ts";

import { openScaffold } from "./scaffold.ts";
import { setUpFailure } from "./set-up-error.ts";
import { mountRootLines, PREAMBLE } from "./shell/fragments.ts";
import { TOOLS_PATH } from "./shell/tools-path.ts";
import { makeOverlay } from "./stage-mounts.ts";

/** A root file system to read and write while no command runs in it. */
export interface HeldRoot extends AsyncDisposable {
  /** A directory; as long as this is not disposed. */
  readonly path: string;
}

/**
 * Mounts a root in a namespace of its own, by a shell that does nothing else, and gives the way to it through /proc: the engine
 * itself never mounts. The mount goes with the shell, and the shell with the engine. `home`: the store.
 */
export async function holdRoot(root: RootSpec, home: string, stateDir: string): Promise<HeldRoot> {
  if (root.type === "directory") {
    return { path: root.path, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const directory = mkdtempSync(join(stateDir, "hold-"));
  const linkDirectory = join(directory, "links");
  const { inUserNamespace } = hostFacts();
  const overlay = makeOverlay(root, { scaffold: openScaffold(home), linkDirectory, inUserNamespace });
  const place = join(directory, "root");
  mkdirSync(place);
  const script = join(directory, "hold.sh");
  writeFileSync(
    script,
    `${PREAMBLE}${mountRootLines(place, { overlay, directory: "", insecure: false })}echo ready >&3\nread -r _ <&3\nexit 0\n`,
  );
  const unshare = ["unshare", "--mount", "--propagation", "private", "--", "sh", script];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...unshare], {
    cwd: "/",
    env: { PATH: TOOLS_PATH },
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", () => resolve());
  });
  let complaint = "";
  child.stderr?.on("data", (bytes: Buffer) => {
    complaint += bytes.toString("utf8");
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what "pipe" is for a descriptor above 2
  const channel = child.stdio[3] as Duplex;
  channel.on("error", () => undefined);
  const release = async (): Promise<void> => {
    channel.end("\n");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  };
  const answer = await new Promise<string>((resolve) => {
    channel.once("data", (bytes: Buffer) => resolve(bytes.toString("utf8")));
    void ended.finally(() => resolve(""));
  });
  if (answer.startsWith("ready")) {
    return { path: `/proc/${child.pid}/root${place}`, [Symbol.asyncDispose]: release };
  }
  await release();
  throw setUpFailure("mount the root file system", complaint.trim() || "no answer");
}
