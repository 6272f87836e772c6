export interface Shebang {
  /** Absolute path. */
  readonly interpreter: string;
  /** What `env` is asked to find. */
  readonly program: string | undefined;
}

/** The `#!` line at the start of a file (execve(2), "Interpreter scripts"); undefined where there is none. */
export function parseShebang(head: Buffer): Shebang | undefined {
  const [, interpreter = "", rest = ""] =
    /^#![ \t]*(\/[^\s\0]*)[ \t]*([^\n\0]*)/.exec(head.toString("latin1")) ?? [];
  if (interpreter === "") return undefined;
  if (!interpreter.endsWith("/env")) return { interpreter, program: undefined };
  const words = rest
    .split(/\s+/)
    .filter((word) => word !== "" && !word.startsWith("-") && !word.includes("="));
  return { interpreter, program: words[0] };
}
