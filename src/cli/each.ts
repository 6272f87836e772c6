import { BuildError, isBuildError } from "../core/errors.ts";

/** Does something for every name, one after the other; what fails for one keeps none of the others. Throws all failures as one. */
export async function forEachName(
  names: readonly string[],
  action: (name: string) => Promise<void> | void,
): Promise<void> {
  const errors: BuildError[] = [];
  for (const name of names) {
    try {
      await action(name);
    } catch (error) {
      if (!isBuildError(error)) throw error;
      errors.push(error);
    }
  }
  const [first, ...others] = errors;
  if (first === undefined) return;
  if (others.length === 0) throw first;
  const text = errors.map(({ message }) => message).join("\n");
  throw new BuildError(first.code, text, { hint: first.details.hint });
}

/** Names are needed: without one there is nothing to do. */
export function requireNames(names: readonly string[], usage: string): readonly string[] {
  if (names.length > 0) return names;
  throw new BuildError("cli/usage", "a container is needed", { hint: `Write: tsbuild ${usage}` });
}
