import { BuildError } from "../core/errors.ts";
import { decodePaxRecords, type PaxRecords } from "./pax.ts";
import {
  checkSparseMap,
  MAX_SPARSE_PIECES,
  readGnuSparse,
  readGnuSparseExtension,
  type SparseMap,
  SparseMapReader,
} from "./sparse.ts";
import { type MergedHeader, mergeHeader, type TarEntry } from "./tar-entry.ts";
import { BLOCK, decodeHeader, paddingOf } from "./tar-header.ts";

/** Told of entries in the tar's order. A piece given to `data` is valid during the call only. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  /** Content of the last entry, in order; `at` is the place in the expanded file, which jumps over holes. */
  data(bytes: Buffer, at: number): void;
  /** The last entry is complete (called for every entry). */
  entryEnd(): void;
}

/** An extended header beyond this is an attack: Go's archive/tar has the same limit. */
const MAX_EXTENDED_BYTES = 1024 * 1024;
const NO_RECORDS: PaxRecords = new Map();
const ZERO_BLOCK = Buffer.alloc(BLOCK);

type State = "header" | "extended" | "gnu-sparse" | "sparse-map" | "data" | "padding" | "end";

/**
 * A push parser for untrusted tars: ustar, PAX, GNU (long names, base-256 numbers, sparse files of all four forms) and v7.
 * Synchronous, and it keeps no more than extended headers and a sparse map in memory. It reads as Go's archive/tar does, which
 * made and reads the layers of this world: global PAX headers are checked and ignored, links carry no content, the two zero
 * blocks at the end may be missing. Throws `layer/bad-tar`.
 */
export class TarParser {
  readonly #handler: TarHandler;
  #state: State = "header";
  /** Bytes of the state's unit still to come. */
  #need = BLOCK;
  #gathered: Buffer[] = [];
  #position = 0;
  #sawZeroBlock = false;
  // Extensions that wait for their entry.
  #extendedFlag = "";
  #extendedSize = 0;
  #pax: PaxRecords | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  // The entry that is being read.
  #merged: MergedHeader | undefined;
  #gnuMap: number[] = [];
  #gnuFileSize = 0;
  #mapReader = new SparseMapReader();
  #sparse: SparseMap | undefined;
  #piece = 0;
  #at = 0;
  #padding = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#state !== "end") {
      const piece = chunk.subarray(at, at + this.#need);
      at += piece.length;
      this.#position += piece.length;
      this.#need -= piece.length;
      if (this.#state === "data") this.#pushData(piece);
      // What is not whole yet outlives the chunk, which belongs to the caller.
      else if (this.#state !== "padding") this.#gathered.push(this.#need === 0 ? piece : Buffer.from(piece));
      if (this.#need === 0) this.#finishUnit();
    }
  }

  /** The tar has ended, and what follows is none of it. */
  get isAtEnd(): boolean {
    return this.#state === "end";
  }

  /** No more bytes. Throws where the tar breaks off inside an entry. */
  end(): void {
    const complete =
      this.#state === "end" ||
      this.#state === "padding" ||
      (this.#state === "header" && this.#need === BLOCK && !this.#hasPending());
    if (!complete) throw badTar("the tar ends in the middle of an entry");
  }

  #hasPending(): boolean {
    return this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined;
  }

  #expect(state: State, bytes: number): void {
    this.#state = state;
    this.#need = bytes;
    if (bytes === 0) this.#finishUnit();
  }

  #finishUnit(): void {
    switch (this.#state) {
      case "header":
        return this.#readHeader(this.#takeGathered());
      case "extended":
        return this.#readExtended(this.#takeGathered());
      case "gnu-sparse":
        return this.#readGnuExtension(this.#takeGathered());
      case "sparse-map":
        return this.#readSparseMap(this.#takeGathered());
      case "data":
        this.#handler.entryEnd();
        return this.#expect("padding", this.#padding);
      case "padding":
        return this.#expect("header", BLOCK);
      case "end":
        return undefined;
      default:
        return undefined;
    }
  }

  #takeGathered(): Buffer {
    const gathered = this.#gathered;
    this.#gathered = [];
    const [only] = gathered;
    return only !== undefined && gathered.length === 1 ? only : Buffer.concat(gathered);
  }

  #readHeader(block: Buffer): void {
    if (block[0] === 0 && block.equals(ZERO_BLOCK)) return this.#readZeroBlock();
    if (this.#sawZeroBlock) throw badTar("the tar goes on after a block of zeros");
    const raw = decodeHeader(block);
    if (["x", "g", "L", "K"].includes(raw.flag)) {
      if (raw.size < 0 || raw.size > MAX_EXTENDED_BYTES)
        throw badTar("the tar has an extended header of more than 1 MiB");
      this.#extendedFlag = raw.flag;
      this.#extendedSize = raw.size;
      return this.#expect("extended", raw.size + paddingOf(raw.size));
    }
    this.#merged = mergeHeader(raw, {
      pax: this.#pax ?? NO_RECORDS,
      longName: this.#longName,
      longLink: this.#longLink,
    });
    this.#forgetExtensions();
    return raw.flag === "S" ? this.#startGnuSparse(block) : this.#startEntry(this.#merged);
  }

  #readZeroBlock(): void {
    if (!this.#sawZeroBlock) {
      this.#sawZeroBlock = true;
      return this.#expect("header", BLOCK);
    }
    if (this.#hasPending()) throw badTar("the tar ends after an extended header");
    this.#state = "end";
    return undefined;
  }

  #forgetExtensions(): void {
    this.#pax = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
  }

  #readExtended(padded: Buffer): void {
    const body = padded.subarray(0, this.#extendedSize);
    if (this.#extendedFlag === "x") this.#pax = decodePaxRecords(body);
    else if (this.#extendedFlag === "L") this.#longName = textUpToNul(body);
    else if (this.#extendedFlag === "K") this.#longLink = textUpToNul(body);
    else {
      decodePaxRecords(body);
      this.#forgetExtensions();
    }
    return this.#expect("header", BLOCK);
  }

  #startEntry(merged: MergedHeader): void {
    const { sparse, storedSize } = merged;
    if (sparse === undefined) return this.#startContent(merged, storedSize, storedSize, undefined);
    if (sparse.map !== "follows") return this.#startSparse(merged, sparse.fileSize, storedSize, sparse.map);
    this.#mapReader = new SparseMapReader();
    if (storedSize < BLOCK) throw badTar("the tar has a sparse file without a map");
    return this.#expect("sparse-map", BLOCK);
  }

  #readSparseMap(block: Buffer): void {
    const merged = this.#current();
    const map = this.#mapReader.push(block);
    const left = merged.storedSize - this.#mapReader.bytesRead;
    if (map !== undefined) return this.#startSparse(merged, merged.sparse?.fileSize ?? 0, left, map);
    if (left < BLOCK) throw badTar("the tar has a sparse file with a malformed map");
    return this.#expect("sparse-map", BLOCK);
  }

  #startGnuSparse(block: Buffer): void {
    const { map, more, fileSize } = readGnuSparse(block);
    this.#gnuMap = map;
    this.#gnuFileSize = fileSize;
    return more ? this.#expect("gnu-sparse", BLOCK) : this.#startGnuContent();
  }

  #readGnuExtension(block: Buffer): void {
    const { map, more } = readGnuSparseExtension(block);
    this.#gnuMap.push(...map);
    if (this.#gnuMap.length > 2 * MAX_SPARSE_PIECES)
      throw badTar("the tar has a sparse file of too many pieces");
    return more ? this.#expect("gnu-sparse", BLOCK) : this.#startGnuContent();
  }

  #startGnuContent(): void {
    const merged = this.#current();
    return this.#startSparse(merged, this.#gnuFileSize, merged.storedSize, this.#gnuMap);
  }

  #startSparse(merged: MergedHeader, fileSize: number, storedSize: number, map: readonly number[]): void {
    return this.#startContent(merged, fileSize, storedSize, checkSparseMap(map, fileSize, storedSize));
  }

  #startContent(merged: MergedHeader, size: number, storedSize: number, sparse: SparseMap | undefined): void {
    this.#sparse = sparse;
    this.#piece = 0;
    this.#at = sparse?.[0] ?? 0;
    this.#padding = paddingOf(storedSize);
    this.#handler.entry({ ...merged.facts, size, offset: this.#position, sparse });
    return this.#expect("data", storedSize);
  }

  #pushData(bytes: Buffer): void {
    if (this.#sparse === undefined) {
      this.#handler.data(bytes, this.#at);
      this.#at += bytes.length;
      return;
    }
    for (let from = 0; from < bytes.length; ) {
      const start = this.#sparse[this.#piece] ?? 0;
      const end = start + (this.#sparse[this.#piece + 1] ?? 0);
      const part = bytes.subarray(from, from + end - this.#at);
      this.#handler.data(part, this.#at);
      from += part.length;
      this.#at += part.length;
      if (this.#at < end) continue;
      this.#piece += 2;
      this.#at = this.#sparse[this.#piece] ?? end;
    }
  }

  #current(): MergedHeader {
    if (this.#merged === undefined) throw new Error("no entry has begun");
    return this.#merged;
  }
}

function textUpToNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("latin1", 0, end < 0 ? bytes.length : end);
}

function badTar(message: string): BuildError {
  return new BuildError("layer/bad-tar", message);
}
