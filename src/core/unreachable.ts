/** The end of an exhaustive switch: a value here is a bug that the compiler should have refused. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
