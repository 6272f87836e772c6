import type { FlagSpec } from "./args.ts";
import type { Command } from "./command.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A completion script: commands, and the flags of the command that is being typed. Files where nothing else is known. */
export function completionScript(
  shell: Shell,
  commands: readonly Command[],
  buildFlags: readonly FlagSpec[],
): string {
  const table = rowsOf(commands);
  if (shell === "bash") return bash(table, buildFlags);
  if (shell === "zsh")
    return `#compdef tsbuild\nautoload -U +X bashcompinit && bashcompinit\n${bash(table, buildFlags)}`;
  return fish(table, buildFlags);
}

interface Row {
  /** `image ls`. */
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly FlagSpec[];
}

function rowsOf(commands: readonly Command[]): readonly Row[] {
  return commands
    .filter(({ isInternal }) => isInternal !== true)
    .flatMap(({ names, summary, flags }) => names.map((name) => ({ name, summary, flags: shown(flags) })));
}

function shown(flags: readonly FlagSpec[]): readonly FlagSpec[] {
  return flags.filter(({ note, isHidden }) => note === undefined && isHidden !== true);
}

function wordsOf(flags: readonly FlagSpec[]): string {
  return flags
    .flatMap(({ name, short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])])
    .join(" ");
}

function firstWords(table: readonly Row[]): readonly string[] {
  return [...new Set(table.map(({ name }) => name.split(" ")[0] ?? ""))].toSorted();
}

/** `image` to `ls inspect …`. */
function secondWords(table: readonly Row[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { name } of table) {
    const [first = "", second] = name.split(" ");
    if (second !== undefined) groups.set(first, [...(groups.get(first) ?? []), second]);
  }
  return groups;
}

function bash(table: readonly Row[], buildFlags: readonly FlagSpec[]): string {
  const flagCases = table.map(
    ({ name, flags }) => `    ${quote(name)}) words=${quote(`${wordsOf(flags)} --help`)} ;;`,
  );
  const groupCases = [...secondWords(table)].map(
    ([first, seconds]) => `    ${first}) words=${quote(seconds.join(" "))} ;;`,
  );
  const takesValue = [
    ...new Set(
      table
        .flatMap(({ flags }) => flags)
        .filter(({ value }) => value !== undefined)
        .map(({ name }) => `--${name}`),
    ),
  ];
  return `# Completion of tsbuild for bash: source <(tsbuild completion bash)
_tsbuild() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local first="\${COMP_WORDS[1]}" second="\${COMP_WORDS[2]}" words=""
  COMPREPLY=()
  case "$previous" in
    ${takesValue.join("|")}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
  esac
  if [[ "$current" == -* ]]; then
    case "$first $second" in
${flagCases.filter((line) => /^ {4}'\S+ \S+'\)/.test(line)).join("\n")}
    *) case "$first" in
${flagCases.filter((line) => !/^ {4}'\S+ \S+'\)/.test(line)).join("\n")}
    *) words=${quote(`${wordsOf(shown(buildFlags))} --help --version`)} ;;
    esac ;;
    esac
  elif [[ $COMP_CWORD -eq 1 ]]; then
    words=${quote(firstWords(table).join(" "))}
  elif [[ $COMP_CWORD -eq 2 ]]; then
    case "$first" in
${groupCases.join("\n")}
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  if [[ \${#COMPREPLY[@]} -eq 0 && "$current" != -* ]]; then mapfile -t COMPREPLY < <(compgen -f -- "$current"); fi
}
complete -o filenames -F _tsbuild tsbuild
`;
}

function fish(table: readonly Row[], buildFlags: readonly FlagSpec[]): string {
  const firsts = firstWords(table);
  const lines = firsts.map((word) => {
    const summary = table.find(({ name }) => name === word)?.summary ?? `${word} commands`;
    return `complete -c tsbuild -n __fish_use_subcommand -a ${word} -d ${quote(summary)}`;
  });
  for (const [first, seconds] of secondWords(table)) {
    lines.push(
      `complete -c tsbuild -f -n '__fish_seen_subcommand_from ${first}' -a ${quote(seconds.join(" "))}`,
    );
  }
  for (const { name, flags } of [{ name: "", flags: shown(buildFlags) }, ...table]) {
    const condition =
      name === ""
        ? "__fish_use_subcommand"
        : name
            .split(" ")
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join("; and ");
    for (const flag of flags) lines.push(fishFlag(condition, flag));
  }
  return `# Completion of tsbuild for fish: tsbuild completion fish | source\n${lines.join("\n")}\n`;
}

function fishFlag(condition: string, { name, short, value, help }: FlagSpec): string {
  const letter = short === undefined ? "" : ` -s ${short}`;
  return `complete -c tsbuild -n ${quote(condition)} -l ${name}${letter}${value === undefined ? "" : " -r"} -d ${quote(help)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
