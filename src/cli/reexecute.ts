/** An ordinary user's first command: the same command line again, as root of a user namespace. Nothing has been done yet. */
export async function reexecute(): Promise<number> {
  const { reexecInUserNamespace } = await import("../host/user-namespace.ts");
  return await reexecInUserNamespace(process.argv);
}
