import { BuildError } from "../core/errors.ts";

/** SOURCE_DATE_EPOCH in seconds; undefined where it is not set. */
export function epochOf(
  env: Readonly<Record<string, string | undefined>>,
  given?: string,
): number | undefined {
  const text = given ?? env["SOURCE_DATE_EPOCH"];
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new BuildError("cli/usage", `SOURCE_DATE_EPOCH is not a whole number: "${text}"`, {
    hint: "It is seconds since 1970.",
  });
}
