import { BuildError } from "../core/errors.ts";

export type TomlValue = string | number | boolean | readonly TomlValue[] | TomlTable;
export interface TomlTable {
  [key: string]: TomlValue;
}

/**
 * The part of TOML that registries.conf uses: tables, arrays of tables, strings on one line, numbers, booleans, arrays,
 * inline tables, dotted and quoted keys. Anything else (dates, multi-line strings) throws `registry/bad-config` with its line.
 */
export function parseToml(text: string, file: string): TomlTable {
  return new TomlReader(text, file).read();
}

const BARE_KEY = /[A-Za-z0-9_-]+/y;
const BASIC_STRING = /"((?:[^"\\\n]|\\.)*)"/y;
const LITERAL_STRING = /'([^'\n]*)'/y;
const SCALAR = /[^\s,\]}#]+/y;
const BLANKS = /[ \t]*/y;
const BLANKS_AND_LINES = /(?:[ \t\r\n]|#[^\n]*)*/y;
const LINE_END = /[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y;
const MAX_DEPTH = 20;

class TomlReader {
  private position = 0;
  private readonly text: string;
  private readonly file: string;
  private readonly root: TomlTable = emptyTable();

  constructor(text: string, file: string) {
    this.text = text.replace(/^\uFEFF/, "");
    this.file = file;
  }

  read(): TomlTable {
    let table = this.root;
    for (;;) {
      this.take(BLANKS_AND_LINES);
      if (this.position >= this.text.length) return this.root;
      if (this.takeText("[[")) table = this.header("]]");
      else if (this.takeText("[")) table = this.header("]");
      else this.assignment(table);
      if (this.take(LINE_END) === undefined) throw this.problem("something is left over on this line");
    }
  }

  private header(close: "]" | "]]"): TomlTable {
    const path = this.keyPath();
    if (!this.takeText(close)) throw this.problem(`${close} is missing`);
    const last = path.at(-1) ?? "";
    const parent = this.descend(this.root, path.slice(0, -1));
    if (close === "]") return this.descend(parent, [last]);
    const list = parent[last] ?? [];
    if (!isList(list)) throw this.problem(`${last} is no array of tables`);
    const table = emptyTable();
    parent[last] = [...list, table];
    return table;
  }

  private assignment(table: TomlTable): void {
    const path = this.keyPath();
    this.take(BLANKS);
    if (!this.takeText("=")) throw this.problem("= is missing");
    const parent = this.descend(table, path.slice(0, -1));
    const last = path.at(-1) ?? "";
    if (Object.hasOwn(parent, last)) throw this.problem(`${last} is set twice`);
    parent[last] = this.value(0);
  }

  /** The table at a path, made where missing; of an array of tables, its last one. */
  private descend(from: TomlTable, path: readonly string[]): TomlTable {
    let table = from;
    for (const key of path) {
      const next = Object.hasOwn(table, key) ? table[key] : (table[key] = emptyTable());
      const inner = isList(next) ? next.at(-1) : next;
      if (!isTable(inner)) throw this.problem(`${key} is no table`);
      table = inner;
    }
    return table;
  }

  private keyPath(): readonly string[] {
    const path: string[] = [];
    do {
      this.take(BLANKS);
      const key = this.string() ?? this.take(BARE_KEY)?.[0];
      if (key === undefined) throw this.problem("a key is missing");
      path.push(key);
      this.take(BLANKS);
    } while (this.takeText("."));
    return path;
  }

  private value(depth: number): TomlValue {
    if (depth > MAX_DEPTH) throw this.problem("values are nested too deep");
    this.take(BLANKS);
    if (this.takeText("[")) return this.list("]", () => this.value(depth + 1));
    if (this.takeText("{")) {
      const table = emptyTable();
      this.list("}", () => this.assignment(table));
      return table;
    }
    const string = this.string();
    if (string !== undefined) return string;
    const word = this.take(SCALAR)?.[0] ?? "";
    if (word === "true" || word === "false") return word === "true";
    if (/^[+-]?\d[\d_]*(?:\.\d+)?$/.test(word)) return Number(word.replaceAll("_", ""));
    throw this.problem(word === "" ? "a value is missing" : `${word} is no value that is read here`);
  }

  private list<T>(close: string, item: () => T): T[] {
    const items: T[] = [];
    for (;;) {
      this.take(BLANKS_AND_LINES);
      if (this.takeText(close)) return items;
      items.push(item());
      this.take(BLANKS_AND_LINES);
      if (this.takeText(close)) return items;
      if (!this.takeText(",")) throw this.problem(`${close} is missing`);
    }
  }

  private string(): string | undefined {
    if (this.text.startsWith('"""', this.position) || this.text.startsWith("'''", this.position)) {
      throw this.problem("strings over several lines are not read here");
    }
    const literal = this.take(LITERAL_STRING);
    if (literal !== undefined) return literal[1];
    const basic = this.take(BASIC_STRING);
    return basic === undefined ? undefined : this.unescape(basic[1] ?? "");
  }

  private unescape(text: string): string {
    // JSON has the escapes of TOML's basic strings, but for the eight-digit one; a raw tab is allowed here and not there.
    try {
      const value: unknown = JSON.parse(`"${text.replaceAll("\t", "\\t")}"`);
      if (typeof value === "string") return value;
    } catch {
      // falls through to the one complaint
    }
    throw this.problem("a string has an escape that is not known");
  }

  private take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.text) ?? undefined;
    if (match !== undefined) this.position = pattern.lastIndex;
    return match;
  }

  private takeText(text: string): boolean {
    if (!this.text.startsWith(text, this.position)) return false;
    this.position += text.length;
    return true;
  }

  private problem(what: string): BuildError {
    const line = this.text.slice(0, this.position).split("\n").length;
    return new BuildError("registry/bad-config", `${this.file}, line ${line}: ${what}`);
  }
}

/** Without a prototype: `__proto__` is a key like any other. */
function emptyTable(): TomlTable {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.create is typed any
  return Object.create(null) as TomlTable;
}

function isList(value: TomlValue | undefined): value is readonly TomlValue[] {
  return Array.isArray(value);
}

function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === "object" && !isList(value);
}
