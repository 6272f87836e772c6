import type { Command } from "./command.ts";

/** The list of commands. */
export function overview(all: readonly Command[]): string {
  const commands = all.filter(({ isInternal }) => isInternal !== true);
  const width = Math.max(...commands.map((command) => (command.names[0] ?? "").length));
  const rows = commands.map((command) => `  ${(command.names[0] ?? "").padEnd(width)}  ${command.summary}`);
  return `tsbuild builds images from Dockerfiles, without a daemon, and says why a step missed its cache.

Usage:  tsbuild [build] [OPTIONS] PATH|URL|-
        tsbuild COMMAND [OPTIONS]

Commands:
${rows.join("\n")}

tsbuild COMMAND --help shows its flags. The store is $TSBUILD_HOME, else ~/.local/share/tsbuild.
`;
}

/** One command's usage and flags. */
export function commandHelp(command: Command): string {
  const flags = command.flags.filter((flag) => flag.note === undefined && flag.isHidden !== true);
  const left = flags.map((flag) => {
    const short = flag.short === undefined ? "    " : `-${flag.short}, `;
    return `  ${short}--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`;
  });
  const width = Math.max(0, ...left.map((text) => text.length));
  const rows = flags.map((flag, i) => `${(left[i] ?? "").padEnd(width)}   ${flag.help}`);
  const aliases = command.names.length > 1 ? `\nAliases:  ${command.names.slice(1).join(", ")}\n` : "";
  return `Usage:  tsbuild ${command.usage}\n\n${command.summary}\n${aliases}${rows.length > 0 ? `\nOptions:\n${rows.join("\n")}\n` : ""}`;
}
