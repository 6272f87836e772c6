import { NeedsUserNamespace } from "../operations/workshop.ts";

/** An ordinary user's first command: the same command line again, as root of a user namespace. Nothing has been done yet. */
export async function reexecute(of?: number): Promise<number> {
  const { joinUserNamespace, reexecInUserNamespace } = await import("../host/user-namespace.ts");
  return of === undefined ? await reexecInUserNamespace(process.argv) : joinUserNamespace(of, process.argv);
}

/** Runs `action`, which may find that it has to start over in a user namespace. */
export async function inNamespace(action: () => Promise<number>): Promise<number> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof NeedsUserNamespace) return await reexecute(error.of);
    throw error;
  }
}
