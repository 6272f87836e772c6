import type { Container } from "../core/container.ts";
import type { ContainerConfig } from "../core/image.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** argv: the entrypoint, then the command. Empty where a container has neither. */
export function commandOf({ Entrypoint = [], Cmd = [] }: ContainerConfig): readonly string[] {
  return [...Entrypoint, ...Cmd];
}

/** `sh -c 'echo hi'`, as Docker's lists show a command. */
export function commandText(config: ContainerConfig): string {
  const [program = "", ...args] = commandOf(config);
  return [program, ...args.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg))].join(" ");
}

/** Docker's order: PATH, HOSTNAME and TERM, which the configuration may replace; HOME where nobody set it. */
export function environmentOf(container: Container, home: string): readonly string[] {
  const { config, hostname, hasTerminal } = container;
  const values = new Map<string, string>();
  const all = [
    `PATH=${DEFAULT_PATH}`,
    `HOSTNAME=${hostname}`,
    ...(hasTerminal ? ["TERM=xterm"] : []),
    ...(config.Env ?? []),
  ];
  for (const entry of all) {
    const equals = entry.indexOf("=");
    values.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  if (!values.has("HOME")) values.set("HOME", home);
  return [...values].map(([name, value]) => `${name}=${value}`);
}
