import { BuildError } from "../core/errors.ts";

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const DICTIONARY_BYTES = [0, 1, 2, 4];

type Part = "magic" | "skip-size" | "descriptor" | "block" | "body" | "done";

/**
 * Finds where a zstd frame ends (RFC 8878, section 3.1) without decompressing it: node's decompressor stops at the end of
 * the first frame and says nothing, while layers are written as many (zstd:chunked has one a file).
 */
export class ZstdFrame {
  #part: Part = "magic";
  readonly #gathered = Buffer.alloc(16);
  #have = 0;
  #need = 4;
  #skip = 0;
  #hasChecksum = false;
  #isLast = false;
  /** Metadata that a decompressor passes over. Known once the first four bytes are in. */
  isSkippable = false;

  get isDone(): boolean {
    return this.#part === "done";
  }

  /** No byte of it has come. */
  get isUntouched(): boolean {
    return this.#part === "magic" && this.#have === 0;
  }

  /** How many bytes of the chunk are this frame's. Throws `layer/compression` for what is no frame. */
  push(chunk: Uint8Array): number {
    let at = 0;
    while (at < chunk.length && this.#part !== "done") {
      if (this.#part === "body") {
        const step = Math.min(this.#skip, chunk.length - at);
        this.#skip -= step;
        at += step;
        if (this.#skip === 0) this.#afterBody();
        continue;
      }
      this.#gathered[this.#have++] = chunk[at++] ?? 0;
      if (this.#have === this.#need) this.#readPart();
    }
    return at;
  }

  #expect(part: Part, bytes: number): void {
    this.#part = part;
    this.#need = bytes;
    this.#have = 0;
  }

  #expectBody(bytes: number): void {
    this.#part = "body";
    this.#skip = bytes;
    if (bytes === 0) this.#afterBody();
  }

  #readPart(): void {
    switch (this.#part) {
      case "magic":
        return this.#readMagic(this.#gathered.readUInt32LE(0));
      case "skip-size":
        this.#isLast = true;
        return this.#expectBody(this.#gathered.readUInt32LE(0));
      case "descriptor":
        return this.#readDescriptor(this.#gathered[0] ?? 0);
      case "block":
        return this.#readBlock(this.#gathered.readUIntLE(0, 3));
      case "body":
      case "done":
        return undefined;
      default:
        return undefined;
    }
  }

  #readMagic(magic: number): void {
    this.isSkippable = (magic & 0xfffffff0) >>> 0 === SKIPPABLE;
    if (this.isSkippable) return this.#expect("skip-size", 4);
    if (magic !== MAGIC)
      throw new BuildError("layer/compression", "the zstd data has something that is no frame in it");
    return this.#expect("descriptor", 1);
  }

  /** The rest of the frame header is passed over like a body before the first block. */
  #readDescriptor(descriptor: number): void {
    const isSingleSegment = (descriptor & 0x20) !== 0;
    this.#hasChecksum = (descriptor & 0x04) !== 0;
    const sizeFlag = descriptor >> 6;
    const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 2 ** sizeFlag;
    const dictionaryBytes = DICTIONARY_BYTES[descriptor & 0x03] ?? 0;
    return this.#expectBody((isSingleSegment ? 0 : 1) + dictionaryBytes + sizeBytes);
  }

  #readBlock(header: number): void {
    const type = (header >> 1) & 3;
    if (type === 3) throw new BuildError("layer/compression", "the zstd data is damaged");
    this.#isLast = (header & 1) !== 0;
    const bytes = type === 1 ? 1 : header >> 3;
    return this.#expectBody(bytes + (this.#isLast && this.#hasChecksum ? 4 : 0));
  }

  #afterBody(): void {
    if (this.#isLast) this.#part = "done";
    else this.#expect("block", 3);
  }
}
