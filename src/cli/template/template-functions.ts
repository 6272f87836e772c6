import { BuildError } from "../../core/errors.ts";

/** A value as Go prints it: `[a b]`, `map[k:v]`, `<no value>`. */
export function formatValue(value: unknown): string {
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(formatValue).join(" ")}]`;
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "object") return "";
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${formatValue(item)}`).join(" ")}]`;
}

/** Go's truth: zero values and empty collections are false. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

type Args = readonly unknown[];

/** Docker's functions (templates.basicFunctions) and those of text/template that its users use. */
const FUNCTIONS: Readonly<Record<string, (args: Args) => unknown>> = {
  json: ([value]) => JSON.stringify(value ?? null),
  split: ([value, separator]) => text(value).split(text(separator)),
  join: ([list, separator]) => (Array.isArray(list) ? list.map(formatValue).join(text(separator)) : ""),
  title: ([value]) => text(value).replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase()),
  lower: ([value]) => text(value).toLowerCase(),
  upper: ([value]) => text(value).toUpperCase(),
  pad: ([value, before, after]) =>
    text(value) === "" ? "" : " ".repeat(Number(before)) + text(value) + " ".repeat(Number(after)),
  truncate: ([value, length]) => Array.from(text(value)).slice(0, Number(length)).join(""),
  println: (args) => `${args.map(formatValue).join(" ")}\n`,
  print: (args) => args.map(formatValue).join(""),
  printf: ([format, ...args]) => printf(text(format), args),
  len: ([value]) => lengthOf(value),
  index: ([value, ...keys]) => keys.reduce((item: unknown, key) => at(item, key), value),
  slice: ([value, from, to]) => slice(value, from, to),
  eq: ([first, ...others]) => others.some((other) => first === other),
  ne: ([a, b]) => a !== b,
  lt: ([a, b]) => compare(a, b) < 0,
  le: ([a, b]) => compare(a, b) <= 0,
  gt: ([a, b]) => compare(a, b) > 0,
  ge: ([a, b]) => compare(a, b) >= 0,
  and: (args) => args.find((value) => !isTrue(value)) ?? args.at(-1),
  or: (args) => args.find(isTrue) ?? args.at(-1),
  not: ([value]) => !isTrue(value),
};

export function callFunction(name: string, args: Args): unknown {
  const found = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (found !== undefined) return found(args);
  throw new BuildError("cli/usage", `--format: there is no function "${name}"`, {
    hint: `There are: ${Object.keys(FUNCTIONS).join(", ")}. Fields begin with a dot.`,
  });
}

function text(value: unknown): string {
  return typeof value === "string" ? value : value === undefined || value === null ? "" : formatValue(value);
}

function lengthOf(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}

function at(value: unknown, key: unknown): unknown {
  const name = formatValue(key);
  if (Array.isArray(value)) {
    if (typeof key === "number" && key >= 0 && key < value.length) return value[key];
    throw new BuildError("cli/usage", `--format: index ${name} is out of range (it has ${value.length})`);
  }
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : "";
}

function slice(value: unknown, from: unknown, to: unknown): unknown {
  const end = to === undefined ? undefined : Number(to);
  if (Array.isArray(value)) return value.slice(Number(from ?? 0), end);
  return text(value).slice(Number(from ?? 0), end);
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [left, right] = [text(a), text(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The verbs %s %v %d %t %q %x and %%, with a width and a length. */
function printf(format: string, args: Args): string {
  const left = [...args];
  return format.replaceAll(/%-?\d*(?:\.\d+)?[svdqtx%]/g, (verb) =>
    verb.endsWith("%") ? "%" : pad(verb, left.shift()),
  );
}

function pad(verb: string, value: unknown): string {
  const [, minus, width, digits] = /^%(-?)(\d*)(?:\.(\d+))?/.exec(verb) ?? [];
  const isHex = verb.endsWith("x") && typeof value === "number";
  const plain = verb.endsWith("q")
    ? JSON.stringify(text(value))
    : isHex
      ? value.toString(16)
      : formatValue(value);
  const cut = digits === undefined ? plain : plain.slice(0, Number(digits));
  return minus === "-" ? cut.padEnd(Number(width)) : cut.padStart(Number(width));
}
