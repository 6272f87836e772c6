import { closeSync, openSync, readSync, writeSync } from "node:fs";

export type OutputStream = "stdout" | "stderr";

/** A line of output, or of one that is longer than 16 KiB a part; its newline is in it. */
export interface LogEntry {
  readonly stream: OutputStream;
  readonly text: string;
  /** RFC 3339 with nine digits behind the point. */
  readonly time: string;
}

/** Docker's limit of one entry, too. */
const MAX_LINE_BYTES = 16 * 1024;
const NEWLINE = 10;

/** Keeps a container's output as Docker's json-file driver does: a JSON line an entry. */
export class LogWriter implements Disposable {
  readonly #file: number;
  readonly #nowMs: () => number;
  readonly #open: Record<OutputStream, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  /** Why no more is kept: the disk is full. The container goes on. */
  failure: Error | undefined;

  constructor(path: string, nowMs: () => number) {
    this.#file = openSync(path, "a", 0o600);
    this.#nowMs = nowMs;
  }

  write(stream: OutputStream, bytes: Uint8Array): void {
    let rest: Buffer = Buffer.concat([this.#open[stream], bytes]);
    const lines: string[] = [];
    for (;;) {
      const newline = rest.subarray(0, MAX_LINE_BYTES).indexOf(NEWLINE);
      const end = newline >= 0 ? newline + 1 : rest.length >= MAX_LINE_BYTES ? MAX_LINE_BYTES : 0;
      if (end === 0) break;
      lines.push(this.#encode(stream, rest.subarray(0, end)));
      rest = rest.subarray(end);
    }
    this.#open[stream] = Buffer.from(rest);
    this.#append(lines.join(""));
  }

  [Symbol.dispose](): void {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.#open[stream].length > 0) this.#append(this.#encode(stream, this.#open[stream]));
    }
    closeSync(this.#file);
  }

  #encode(stream: OutputStream, bytes: Buffer): string {
    const time = new Date(this.#nowMs()).toISOString().replace("Z", "000000Z");
    return `${JSON.stringify({ log: bytes.toString("utf8"), stream, time })}\n`;
  }

  /** What is thrown in a stream's event would end the process, and the container with it. */
  #append(text: string): void {
    if (text === "" || this.failure !== undefined) return;
    try {
      writeSync(this.#file, text);
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error));
    }
  }
}

const READ_BYTES = 256 * 1024;

/** Reads the entries that are there, and later those that have come since. A line cut short by a crash is passed over. */
export class LogReader implements Disposable {
  readonly #file: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(path: string) {
    this.#file = openSync(path, "r");
  }

  *next(): Generator<LogEntry> {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let read = readSync(this.#file, buffer); read > 0; read = readSync(this.#file, buffer)) {
      this.#rest = Buffer.concat([this.#rest, buffer.subarray(0, read)]);
      for (let end = this.#rest.indexOf(NEWLINE); end >= 0; end = this.#rest.indexOf(NEWLINE)) {
        const entry = decode(this.#rest.toString("utf8", 0, end));
        this.#rest = this.#rest.subarray(end + 1);
        if (entry !== undefined) yield entry;
      }
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

function decode(line: string): LogEntry | undefined {
  try {
    const { log, stream, time }: Record<string, unknown> = JSON.parse(line);
    const isOutput = stream === "stdout" || stream === "stderr";
    if (!isOutput || typeof log !== "string" || typeof time !== "string") return undefined;
    return { text: log, stream, time };
  } catch {
    return undefined;
  }
}
