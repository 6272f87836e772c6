import { constants } from "node:os";
import { DATA_BASE, DATA_START, encodeElf, FAILED, NO_ERRNO, ROW, ROW_SIZE, SINK } from "./machine.ts";

/** A number, an address in the data, or the result of an earlier row. */
export type Argument = number | bigint | Result;

/** The result of a row, to be an argument of at most two later rows, or kept in a cell. */
export class Result {
  readonly uses: { readonly row: Row; readonly argument: number }[] = [];
  cell: number | undefined;
}

/** A place in the table to go to; set before or after it is named. */
export class Label {
  row: Row | undefined;
}

export interface RowOptions {
  /** The one error (its name) that goes to `goTo`, or simply on where that is missing. */
  readonly except?: { readonly error: ErrnoName; readonly goTo?: Label };
  /** Where every other error goes; without it to the program's failure rows. "ignore": on. */
  readonly onError?: Label | "ignore";
  readonly onZero?: Label;
  readonly onPositive?: Label;
  /** Address of 8 bytes that keep the result. */
  readonly keepAt?: number;
}

export type ErrnoName = keyof typeof constants.errno;

interface Row {
  readonly number: number;
  readonly args: readonly Argument[];
  readonly options: RowOptions;
  readonly result: Result;
  /** What it does, for the message when it fails. */
  readonly what: string;
}

/** What a built program is made of, and what its failure messages mean. */
export interface BuiltProgram {
  readonly elf: Buffer;
  /** What the row at this address does. */
  describe(address: number): string;
}

/** Collects constants and rows, and lays them out: fixed cells, constants in the order they were asked for, rows. */
export class Program {
  readonly #data: Buffer[] = [];
  #size = DATA_START - DATA_BASE;
  readonly #rows: Row[] = [];
  readonly #texts = new Map<string, number>();
  #pending: Label[] = [];
  /** Where rows go on an error that they do not handle. */
  readonly failure = new Label();

  /** Address of the text (UTF-8) with a NUL behind it. Equal texts share it. */
  text(value: string): number {
    const known = this.#texts.get(value);
    if (known !== undefined) return known;
    const address = this.bytes(Buffer.from(`${value}\0`, "utf8"));
    this.#texts.set(value, address);
    return address;
  }

  /** Address of the bytes, aligned to 8. */
  bytes(value: Buffer): number {
    const address = DATA_BASE + this.#size;
    const padded = Buffer.alloc(Math.ceil(value.length / 8) * 8);
    value.copy(padded);
    this.#data.push(padded);
    this.#size += padded.length;
    return address;
  }

  /** Address of 64-bit words. */
  words(...values: readonly (number | bigint)[]): number {
    const buffer = Buffer.alloc(values.length * 8);
    for (const [i, value] of values.entries())
      buffer.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)), 8 * i);
    return this.bytes(buffer);
  }

  /** Address of an array of pointers that ends with NULL, as execve takes it. */
  textArray(values: readonly string[]): number {
    return this.words(...values.map((value) => this.text(value)), 0);
  }

  /** The next row that is added gets this label. */
  place(label: Label): void {
    this.#pending.push(label);
  }

  /** One system call. `what` names it for people: "mount /proc". */
  row(what: string, number: number, args: readonly Argument[], options: RowOptions = {}): Result {
    const row: Row = { number, args, options, result: new Result(), what };
    for (const label of this.#pending) label.row = row;
    this.#pending = [];
    for (const [argument, value] of args.entries()) {
      if (value instanceof Result) value.uses.push({ row, argument });
    }
    this.#rows.push(row);
    return row.result;
  }

  build(): BuiltProgram {
    const base = DATA_BASE + this.#size;
    const addressOf = new Map(this.#rows.map((row, i) => [row, base + i * ROW_SIZE]));
    const table = Buffer.alloc(this.#rows.length * ROW_SIZE);
    for (const [i, row] of this.#rows.entries()) {
      // The last row never returns (exit); its "next" is itself.
      const next = base + Math.min(i + 1, this.#rows.length - 1) * ROW_SIZE;
      encodeRow(table.subarray(i * ROW_SIZE, (i + 1) * ROW_SIZE), row, {
        next,
        failure: required(addressOf, this.failure.row),
        addressOf: (target) => required(addressOf, target),
      });
    }
    const fixed = Buffer.alloc(DATA_START - DATA_BASE);
    fixed.writeBigInt64LE(BigInt(MESSAGE.failed), FAILED - DATA_BASE);
    const elf = encodeElf(Buffer.concat([fixed, ...this.#data, table]), base);
    const rows = this.#rows;
    return { elf, describe: (address) => rows[(address - base) / ROW_SIZE]?.what ?? `row ${address}` };
  }
}

/** First word of each message on the report channel. */
export const MESSAGE = {
  /** + address of the row, + -errno */
  failed: 1,
  /** Mount points are missing; waits for an answer. */
  ask: 2,
  /** + process id of the inner launcher, as the engine sees it */
  started: 3,
  /** + one -errno for each candidate */
  notExecuted: 4,
  /** + wait status of the command */
  ended: 5,
  /** /dev/pts is there: the engine opens a terminal in it, and answers. */
  terminal: 6,
  /** The command's program runs, or could not be executed, as was said before. */
  executed: 7,
  /** The place for secrets is there; waits for an answer. */
  private: 8,
} as const;

interface Layout {
  readonly next: number;
  readonly failure: number;
  readonly addressOf: (row: Row | undefined) => number;
}

function encodeRow(into: Buffer, row: Row, layout: Layout): void {
  const { options } = row;
  const put = (offset: number, value: number | bigint): void => writeWord(into, value, offset);
  const to = (label: Label | undefined): number =>
    label === undefined ? layout.next : layout.addressOf(label.row);

  const stores = row.result.uses.map((use) => layout.addressOf(use.row) + ROW.args + 8 * use.argument);
  if (options.keepAt !== undefined) stores.push(options.keepAt);
  if (stores.length > 2) throw new Error(`the result of "${row.what}" is used more than twice`);

  put(ROW.number, row.number);
  put(ROW.store, stores[0] ?? SINK);
  put(ROW.storeToo, stores[1] ?? SINK);
  for (const [i, value] of row.args.entries()) put(ROW.args + 8 * i, value instanceof Result ? 0 : value);
  put(ROW.errno, options.except === undefined ? NO_ERRNO : -constants.errno[options.except.error]);
  put(ROW.onErrno, to(options.except?.goTo));
  put(
    ROW.onError,
    options.onError === "ignore"
      ? layout.next
      : options.onError === undefined
        ? layout.failure
        : to(options.onError),
  );
  put(ROW.onZero, to(options.onZero));
  put(ROW.onPositive, to(options.onPositive));
}

/** Two's complement. Plain numbers by halves: thousands of them as bigint would cost a millisecond a run. */
function writeWord(into: Buffer, value: number | bigint, offset: number): void {
  if (typeof value === "bigint") {
    into.writeBigInt64LE(value, offset);
    return;
  }
  into.writeInt32LE(value | 0, offset);
  into.writeInt32LE(Math.floor(value / 2 ** 32) | 0, offset + 4);
}

function required(addresses: ReadonlyMap<Row, number>, row: Row | undefined): number {
  const address = row === undefined ? undefined : addresses.get(row);
  if (address === undefined) throw new Error("a label of the native program was never placed");
  return address;
}
