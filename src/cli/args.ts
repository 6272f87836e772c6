import { BuildError } from "../core/errors.ts";

/** One flag. `value` names its argument in help; a flag without it is a boolean. */
export interface FlagSpec {
  readonly name: string;
  readonly short?: string;
  readonly value?: string;
  /** May be given several times. */
  readonly many?: boolean;
  readonly help: string;
  /** In no help: refused by name, with what to do instead. */
  readonly isHidden?: boolean;
  /** Accepted for Docker's sake, with this note; hidden from help. */
  readonly note?: string;
}

export interface ParsedArgs {
  readonly positionals: readonly string[];
  /** Last value given; booleans are "true" or "false". */
  get(name: string): string | undefined;
  all(name: string): readonly string[];
  has(name: string): boolean;
  /** Notes of accepted flags that do nothing here. */
  readonly notes: readonly string[];
}

/**
 * pflag's rules: `--x=y` and `--x y`, `--bool` and `--bool=false`, `-tx`, `-t=x`, `-qt x`, flags behind the path, `--` ends them. An
 * unknown flag throws `cli/usage`.
 */
export function parseArgs(
  argv: readonly string[],
  specs: readonly FlagSpec[],
  stopAtFirst = false,
): ParsedArgs {
  const state = new Parser(argv, specs, stopAtFirst);
  return state.parse();
}

class Parser {
  readonly #argv: readonly string[];
  readonly #specs: readonly FlagSpec[];
  readonly #stopAtFirst: boolean;
  readonly #values = new Map<string, string[]>();
  readonly #positionals: string[] = [];
  #at = 0;

  constructor(argv: readonly string[], specs: readonly FlagSpec[], stopAtFirst: boolean) {
    this.#argv = argv;
    this.#specs = specs;
    this.#stopAtFirst = stopAtFirst;
  }

  parse(): ParsedArgs {
    while (this.#at < this.#argv.length) {
      const word = this.#argv[this.#at++] ?? "";
      if (word === "--") {
        this.#positionals.push(...this.#argv.slice(this.#at));
        break;
      }
      if (word.startsWith("--")) this.#long(word.slice(2));
      else if (word.startsWith("-") && word !== "-") this.#short(word.slice(1));
      else {
        this.#positionals.push(word);
        if (!this.#stopAtFirst) continue;
        this.#positionals.push(...this.#argv.slice(this.#at));
        break;
      }
    }
    return this.#result();
  }

  #long(text: string): void {
    const equals = text.indexOf("=");
    const name = equals < 0 ? text : text.slice(0, equals);
    const spec = this.#specs.find((s) => s.name === name);
    if (spec === undefined) throw unknownFlag(`--${name}`, this.#specs);
    if (equals >= 0) this.#set(spec, text.slice(equals + 1));
    else if (spec.value === undefined) this.#set(spec, "true");
    else this.#set(spec, this.#next(`--${name}`));
  }

  #short(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const letter = text[i] ?? "";
      const spec = this.#specs.find((s) => s.short === letter);
      if (spec === undefined) throw unknownFlag(`-${letter}`, this.#specs);
      const rest = text.slice(i + 1);
      if (spec.value !== undefined) {
        this.#set(spec, rest === "" ? this.#next(`-${letter}`) : rest.replace(/^=/, ""));
        return;
      }
      if (rest.startsWith("=")) {
        this.#set(spec, rest.slice(1));
        return;
      }
      this.#set(spec, "true");
    }
  }

  #next(flag: string): string {
    const word = this.#argv[this.#at++];
    if (word === undefined)
      throw new BuildError("cli/usage", `flag needs an argument: ${flag}`, { hint: HELP_HINT });
    return word;
  }

  #set(spec: FlagSpec, text: string): void {
    const value = spec.value === undefined ? parseBoolean(spec.name, text) : text;
    const before = this.#values.get(spec.name) ?? [];
    this.#values.set(spec.name, spec.many === true ? [...before, value] : [value]);
  }

  #result(): ParsedArgs {
    const values = this.#values;
    const notes = this.#specs.flatMap((spec) =>
      spec.note !== undefined && values.has(spec.name) ? [`--${spec.name}: ${spec.note}`] : [],
    );
    return {
      positionals: this.#positionals,
      get: (name) => values.get(name)?.at(-1),
      all: (name) => values.get(name) ?? [],
      has: (name) => (values.get(name)?.at(-1) ?? "false") !== "false",
      notes,
    };
  }
}

const HELP_HINT = "See tsbuild --help.";

function parseBoolean(name: string, text: string): string {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return "true";
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return "false";
  throw new BuildError("cli/usage", `invalid argument "${text}" for "--${name}": it is true or false`, {
    hint: HELP_HINT,
  });
}

function unknownFlag(flag: string, specs: readonly FlagSpec[]): BuildError {
  const near = specs.find((spec) => isNear(flag.replace(/^-+/, ""), spec.name));
  return new BuildError("cli/usage", `unknown flag: ${flag}`, {
    hint: near === undefined ? HELP_HINT : `Did you mean --${near.name}? ${HELP_HINT}`,
  });
}

/** One insertion, deletion, replacement or swap apart. */
export function isNear(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1 || a.length < 3) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return Math.max(a.length, b.length) - start - end <= 2;
}
