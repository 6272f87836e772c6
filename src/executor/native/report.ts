import { MESSAGE } from "./program.ts";

/** Mount points; the place for secrets; a terminal; nothing but to know that the program runs (unless `notExecuted` is set). */
export type Wish = "ask" | "private" | "terminal" | "executed";

/** Reads the messages of a native launcher: 64-bit words, the first of each says what follows. */
export class Report {
  #rest: Buffer = Buffer.alloc(0);
  readonly #candidates: number;
  /** Process id of the keeper: ending it ends everything. */
  keeper: number | undefined;
  /** A set-up row that failed: its address, and a positive errno (0: no system call failed, the engine was gone). */
  failed: { readonly row: number; readonly errno: number } | undefined;
  /** Positive errnos, one for each candidate. */
  notExecuted: readonly number[] | undefined;
  /** Wait status of the command. */
  status: number | undefined;

  /** `candidates`: how many paths the launcher tries to execute. */
  constructor(candidates: number) {
    this.#candidates = candidates;
  }

  /** Takes further bytes; says which messages among them want something done. */
  read(bytes: Buffer): Wish[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const asks: Wish[] = [];
    for (;;) {
      const words = this.#takeMessage();
      if (words === undefined) return asks;
      const [kind, first = 0, second = 0] = words;
      if (kind === MESSAGE.ask) asks.push("ask");
      else if (kind === MESSAGE.private) asks.push("private");
      else if (kind === MESSAGE.terminal) asks.push("terminal");
      else if (kind === MESSAGE.executed) asks.push("executed");
      else if (kind === MESSAGE.started) this.keeper = first;
      else if (kind === MESSAGE.failed) this.failed ??= { row: first, errno: -second };
      else if (kind === MESSAGE.notExecuted) this.notExecuted = words.slice(1).map((errno) => -errno);
      // The kernel writes 32 bits of status; the other half of the word stays zero.
      else if (kind === MESSAGE.ended) this.status = first;
    }
  }

  #takeMessage(): number[] | undefined {
    if (this.#rest.length < 8) return undefined;
    const kind = Number(this.#rest.readBigInt64LE(0));
    const count = this.#lengthOf(kind);
    if (this.#rest.length < 8 * count) return undefined;
    const words = Array.from({ length: count }, (_, i) => Number(this.#rest.readBigInt64LE(8 * i)));
    this.#rest = this.#rest.subarray(8 * count);
    return words;
  }

  #lengthOf(kind: number): number {
    switch (kind) {
      case MESSAGE.ask:
      case MESSAGE.terminal:
      case MESSAGE.executed:
      case MESSAGE.private:
        return 1;
      case MESSAGE.failed:
        return 3;
      case MESSAGE.notExecuted:
        return 1 + this.#candidates;
      case MESSAGE.started:
      case MESSAGE.ended:
        return 2;
      default:
        throw new Error(`a message of unknown kind ${kind} from the launcher`);
    }
  }
}
