import { literally } from "./finding-list.ts";

/** A use of a variable: `$NAME`, or `${NAME` with what belongs to it on the same line. */
export function variable(name: string): RegExp {
  const text = literally(name).source;
  return new RegExp(`\\$${text}(?![A-Za-z0-9_])|\\$\\{${text}(?![A-Za-z0-9_])[^}\\s]*\\}?`, "g");
}
