import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sharedData } from "../helpers/shared-data.ts";
import type { Base } from "./compare.ts";
import type { EngineAdapter } from "./engine-adapter.ts";

/** The one base image of the recordings, made by their own script and imported as `busybox:latest`, or under another name. */
export async function importBusybox(
  engine: EngineAdapter,
  directory: string,
  tag = "busybox:latest",
): Promise<Base> {
  const script = sharedData("conformance/base/make-base.sh");
  if (script === undefined) throw new Error("the recorded data is not there");
  execFileSync("sh", [script, directory], { stdio: "pipe" });
  const about = JSON.parse(
    readFileSync(sharedData("conformance/base/busybox.config.json") ?? "", "utf8"),
  ) as {
    config: { Env: string[]; Cmd: string[] };
  };
  const tar = join(directory, "busybox.tar");
  const changes = [
    `CMD ${JSON.stringify(about.config.Cmd)}`,
    ...about.config.Env.map((pair) => `ENV ${pair}`),
  ];
  await engine.importImage(tar, tag, changes);
  return { layers: [readFileSync(tar)], historyCount: 1 };
}
