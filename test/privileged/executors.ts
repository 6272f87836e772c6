import type { Executor } from "../../src/core/ports.ts";
import { createNativeExecutor } from "../../src/executor/native-executor.ts";
import { createOciExecutor } from "../../src/executor/oci-executor.ts";
import { createUnshareExecutor } from "../../src/executor/unshare-executor.ts";
import { findProgram } from "../../src/host/find-program.ts";

/** Every executor that this machine has the programs for. */
const runtime = findProgram("runc");
export const EXECUTORS: readonly {
  readonly name: Executor["name"];
  readonly create: (home: string) => Executor;
}[] = [
  { name: "native", create: createNativeExecutor },
  { name: "unshare", create: createUnshareExecutor },
  ...(runtime === undefined
    ? []
    : [{ name: "oci" as const, create: (home: string) => createOciExecutor(home, runtime) }]),
];
