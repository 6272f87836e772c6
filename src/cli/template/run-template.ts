import { BuildError } from "../../core/errors.ts";
import { unreachable } from "../../core/unreachable.ts";
import type { Command, Node, Operand, Pipe } from "./nodes.ts";
import { parseTemplate } from "./parse-template.ts";
import { callFunction, formatValue, isTrue } from "./template-functions.ts";

/** A template made ready: data in, text out. Fields that the data does not have at its top are `cli/usage`. */
export function compileTemplate(text: string): (data: unknown) => string {
  const nodes = parseTemplate(text);
  return (data) => new Run(data).list(nodes, data);
}

class Run {
  readonly #root: unknown;
  readonly #variables = new Map<string, unknown>();

  constructor(root: unknown) {
    this.#root = root;
    this.#variables.set("$", root);
  }

  list(nodes: readonly Node[], dot: unknown): string {
    return nodes.map((node) => this.#node(node, dot)).join("");
  }

  #node(node: Node, dot: unknown): string {
    switch (node.type) {
      case "text":
        return node.text;
      case "print":
        return formatValue(this.#pipe(node.pipe, dot));
      case "assign":
        this.#variables.set(node.name, this.#pipe(node.pipe, dot));
        return "";
      case "if":
        return this.list(isTrue(this.#pipe(node.pipe, dot)) ? node.body : node.otherwise, dot);
      case "with": {
        const value = this.#pipe(node.pipe, dot);
        return isTrue(value) ? this.list(node.body, value) : this.list(node.otherwise, dot);
      }
      case "range":
        return this.#range(node, dot);
      default:
        return unreachable(node);
    }
  }

  #range(node: Extract<Node, { type: "range" }>, dot: unknown): string {
    const items = itemsOf(this.#pipe(node.pipe, dot));
    if (items.length === 0) return this.list(node.otherwise, dot);
    return items
      .map(([key, value]) => {
        const [first, second] = node.names;
        if (first !== undefined) this.#variables.set(first, second === undefined ? value : key);
        if (second !== undefined) this.#variables.set(second, value);
        return this.list(node.body, value);
      })
      .join("");
  }

  #pipe(pipe: Pipe, dot: unknown): unknown {
    let result: unknown;
    for (const [i, command] of pipe.entries()) result = this.#command(command, dot, i === 0 ? [] : [result]);
    return result;
  }

  #command([head, ...rest]: Command, dot: unknown, piped: readonly unknown[]): unknown {
    if (head === undefined) return undefined;
    const args = [...rest.map((operand) => this.#operand(operand, dot)), ...piped];
    if (head.type === "function") return callFunction(head.name, args);
    if (args.length > 0) throw new BuildError("cli/usage", "--format: only functions take arguments");
    return this.#operand(head, dot);
  }

  #operand(operand: Operand, dot: unknown): unknown {
    switch (operand.type) {
      case "value":
        return operand.value;
      case "function":
        return callFunction(operand.name, []);
      case "group":
        return this.#fields(this.#pipe(operand.pipe, dot), operand.fields);
      case "path": {
        if (operand.from !== null && !this.#variables.has(operand.from)) {
          throw new BuildError("cli/usage", `--format: there is no variable ${operand.from}`);
        }
        return this.#fields(operand.from === null ? dot : this.#variables.get(operand.from), operand.fields);
      }
      default:
        return unreachable(operand);
    }
  }

  #fields(start: unknown, fields: readonly string[]): unknown {
    let value = start;
    for (const field of fields) {
      if (value === this.#root && !hasField(value, field)) throw noField(field, value);
      value = hasField(value, field) ? Reflect.get(Object(value), field) : undefined;
    }
    return value;
  }
}

function itemsOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (Array.isArray(value)) return value.map((item: unknown, i) => [i, item] as const);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function hasField(value: unknown, field: string): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, field);
}

function noField(field: string, value: unknown): BuildError {
  const known = typeof value === "object" && value !== null ? Object.keys(value) : [];
  return new BuildError("cli/usage", `--format: there is no field .${field}`, {
    hint: known.length === 0 ? undefined : `There are: ${known.map((name) => `.${name}`).join(" ")}`,
  });
}
