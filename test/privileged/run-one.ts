import { join } from "node:path";
import { runCaptured } from "../executor/rig.ts";
import { EXECUTORS } from "./executors.ts";

/** An engine to be killed: `node run-one.ts <executor> <folder of a rig> <marker>` runs a command that never ends. */
const [name, dir = "", marker = ""] = process.argv.slice(2);
const executor = EXECUTORS.find((one) => one.name === name)?.create(dir);
if (executor === undefined) throw new Error(`no executor ${name}`);
const script = `sleep ${marker} & setsid sleep ${marker} & trap '' TERM; echo ready; while :; do sleep ${marker}; done`;
const spec: Parameters<typeof runCaptured>[1] = {
  root: { type: "overlay", lowers: [join(dir, "lower")], upper: join(dir, "upper"), work: join(dir, "work") },
  args: ["sh", "-c", script],
  env: ["PATH=/bin"],
  cwd: "/",
  user: { uid: 0, gid: 0, groups: [], home: "/" },
  network: "host",
  hostname: "host",
  binds: [],
  stdio: "capture",
  stateDir: join(dir, "state"),
};
await runCaptured(executor, spec, undefined, (text) => process.stdout.write(text));
