/** An address; a folder of such a name is given as ./name. */
export function isRemoteContext(context: string): boolean {
  return /^(?:https?|git|ssh):\/\/|^github\.com\/|^[\w-]+@[\w.-]+:/.test(context);
}
