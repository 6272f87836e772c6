import { BuildError } from "../../core/errors.ts";
import type { Command, Node, Operand, Pipe } from "./nodes.ts";

const ACTION = /\{\{(-\s)?([\s\S]*?)(\s-)?\}\}/g;
const TOKEN =
  /\s*(?:("(?:[^"\\]|\\.)*")|`([^`]*)`|(-?\d+(?:\.\d+)?)|(\$\w*(?:\.\w+)*)|(\.[\w.]*)|(:=|[|(),=])|([A-Za-z_]\w*)|(\S))/y;

/** Throws `cli/usage` where the text is no template. */
export function parseTemplate(text: string): readonly Node[] {
  const parser = new Parser(splitActions(text));
  const nodes = parser.list();
  parser.requireEnd();
  return nodes;
}

type Piece = { readonly text: string } | { readonly action: string };

/** Text and actions in turn; `{{- ` and ` -}}` take the blanks beside them away. */
function splitActions(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  const addText = (end: number, trimEnd: boolean): void => {
    let piece = text.slice(at, end);
    if (trimNext) piece = piece.trimStart();
    if (trimEnd) piece = piece.trimEnd();
    if (piece !== "") pieces.push({ text: piece });
  };
  for (const match of text.matchAll(ACTION)) {
    addText(match.index, match[1] !== undefined);
    const action = (match[2] ?? "").trim();
    if (!action.startsWith("/*")) pieces.push({ action });
    trimNext = match[3] !== undefined;
    at = match.index + match[0].length;
  }
  addText(text.length, false);
  if (pieces.some((piece) => "text" in piece && piece.text.includes("{{"))) throw bad('"{{" has no "}}"');
  return pieces;
}

class Parser {
  readonly #pieces: readonly Piece[];
  #at = 0;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  /** Nodes up to `end`, `else` or the end of the text; the closing action is left. */
  list(): readonly Node[] {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (piece === undefined || ("action" in piece && /^(?:end|else)\b/.test(piece.action))) return nodes;
      this.#at += 1;
      nodes.push("text" in piece ? { type: "text", text: piece.text } : this.#action(piece.action));
    }
  }

  requireEnd(): void {
    const piece = this.#pieces[this.#at];
    if (piece !== undefined) throw bad(`"{{${"action" in piece ? piece.action : ""}}}" belongs to nothing`);
  }

  #action(action: string): Node {
    const block = /^(if|with|range)\s+([\s\S]+)$/.exec(action);
    if (block === null) return simple(action);
    const [, word, rest = ""] = block;
    if (word === "range") return this.#range(rest);
    const pipe = parsePipe(rest);
    const body = this.list();
    return { type: word === "if" ? "if" : "with", pipe, body, otherwise: this.#otherwise() };
  }

  #range(rest: string): Node {
    const named = /^(\$\w+)(?:\s*,\s*(\$\w+))?\s*:=\s*([\s\S]+)$/.exec(rest);
    const names = named === null ? [] : [named[1], named[2]].filter((name) => name !== undefined);
    const pipe = parsePipe(named?.[3] ?? rest);
    const body = this.list();
    return { type: "range", pipe, names, body, otherwise: this.#otherwise() };
  }

  /** After a block's first list: `else`, `else if` or `end`. */
  #otherwise(): readonly Node[] {
    const piece = this.#pieces[this.#at++];
    if (piece === undefined || "text" in piece) throw bad('a block has no "{{end}}"');
    if (piece.action === "end") return [];
    const chained = /^else\s+(if\s+[\s\S]+)$/.exec(piece.action)?.[1];
    // The chained block takes the one `end` there is.
    if (chained !== undefined) return [this.#action(chained)];
    const nodes = this.list();
    const end = this.#pieces[this.#at++];
    if (end === undefined || "text" in end || end.action !== "end") throw bad('a block has no "{{end}}"');
    return nodes;
  }
}

function simple(action: string): Node {
  const assigned = /^(\$\w+)\s*:?=\s*([\s\S]+)$/.exec(action);
  if (assigned !== null)
    return { type: "assign", name: assigned[1] ?? "", pipe: parsePipe(assigned[2] ?? "") };
  return { type: "print", pipe: parsePipe(action) };
}

function parsePipe(text: string): Pipe {
  const tokens = tokenize(text);
  const pipe = readPipe(tokens, text);
  if (tokens.length > 0) throw bad(`"{{${text}}}" cannot be read`);
  return pipe;
}

type Token =
  | { readonly kind: "operand"; readonly operand: Operand }
  | { readonly kind: "(" | ")" | "|" }
  | { readonly kind: "fields"; readonly fields: readonly string[] };

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const start = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) {
      if (text.slice(start).trim() !== "") throw bad(`"{{${text}}}" cannot be read`);
      break;
    }
    tokens.push(toToken(match, text, match[0].startsWith(".") && tokens.at(-1)?.kind === ")"));
  }
  return tokens;
}

function toToken(match: RegExpExecArray, text: string, followsGroup: boolean): Token {
  const [, quoted, raw, number, variable, path, sign, word] = match;
  if (quoted !== undefined) return value(unquote(quoted));
  if (raw !== undefined) return value(raw);
  if (number !== undefined) return value(Number(number));
  if (variable !== undefined) {
    const [from = "$", ...fields] = variable.split(".");
    return { kind: "operand", operand: { type: "path", from, fields } };
  }
  if (path !== undefined) {
    const fields = path.split(".").filter((field) => field !== "");
    if (followsGroup) return { kind: "fields", fields };
    return { kind: "operand", operand: { type: "path", from: null, fields } };
  }
  if (word === "true" || word === "false") return value(word === "true");
  if (word === "nil") return value(null);
  if (word !== undefined) return { kind: "operand", operand: { type: "function", name: word } };
  if (sign === "(" || sign === ")" || sign === "|") return { kind: sign };
  throw bad(`"{{${text}}}" cannot be read`);
}

function value(given: unknown): Token {
  return { kind: "operand", operand: { type: "value", value: given } };
}

function readPipe(tokens: Token[], text: string): Pipe {
  const pipe: Operand[][] = [[]];
  for (;;) {
    const [token] = tokens;
    if (token === undefined || token.kind === ")") break;
    tokens.shift();
    if (token.kind === "|") pipe.push([]);
    else if (token.kind === "operand") pipe.at(-1)?.push(token.operand);
    else if (token.kind === "(") pipe.at(-1)?.push(readGroup(tokens, text));
    else throw bad(`"{{${text}}}" cannot be read`);
  }
  const commands: readonly Command[] = pipe;
  if (commands.some((command) => command.length === 0)) throw bad(`"{{${text}}}" has nothing to print`);
  return commands;
}

function readGroup(tokens: Token[], text: string): Operand {
  const pipe = readPipe(tokens, text);
  if (tokens.shift()?.kind !== ")") throw bad(`"{{${text}}}" has an open parenthesis`);
  const [next] = tokens;
  if (next?.kind !== "fields") return { type: "group", pipe, fields: [] };
  tokens.shift();
  return { type: "group", pipe, fields: next.fields };
}

function unquote(quoted: string): string {
  try {
    const text: unknown = JSON.parse(quoted);
    return typeof text === "string" ? text : "";
  } catch {
    throw bad(`${quoted} is no string`);
  }
}

function bad(why: string): BuildError {
  return new BuildError("cli/usage", `--format is no template: ${why}`, {
    hint: "It is a Go template, such as {{.ID}} {{json .Config}}, or json, or table {{.ID}}.",
  });
}
