import { readdirSync } from "node:fs";
import { isBuildError } from "../../src/core/errors.ts";
import {
  needsUserNamespace,
  reexecInUserNamespace,
  userNamespaceKind,
} from "../../src/host/user-namespace.ts";
import { Rig } from "../executor/rig.ts";
import { EXECUTORS } from "./executors.ts";

/** `node rootless-probe.ts <executor>`, as an ordinary user: enters its namespace, runs two commands, says what they saw. */
process.env["TSBUILD_TEST_PID"] ??= String(process.pid);
if (needsUserNamespace() && userNamespaceKind() === "none") await reexecInUserNamespace(process.argv);
using rig = new Rig();
const executor = EXECUTORS.find((one) => one.name === process.argv[2])?.create(rig.dir);
if (executor === undefined) throw new Error("no such executor");
const script = `echo $(id -u) $(id -g); hostname; grep CapEff /proc/self/status; touch /sys/x 2>/dev/null || echo ro`;
const { stdout } = await rig.shell(executor, script);
const other = await asOtherUser();
const pidKept = process.env["TSBUILD_TEST_PID"] === String(process.pid);
console.log(
  JSON.stringify({ kind: userNamespaceKind(), pidKept, stdout, other, left: readdirSync(rig.upper) }),
);

async function asOtherUser(): Promise<string> {
  const user = { uid: 5, gid: 5, groups: [], home: "/" };
  try {
    return (await rig.shell(executor ?? unreached(), "echo $(id -u) $(id -g)", { user })).stdout.trim();
  } catch (error) {
    return isBuildError(error) ? error.code : String(error);
  }
}

function unreached(): never {
  throw new Error("unreached");
}
