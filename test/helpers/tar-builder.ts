/** A member of a tar for tests: what the header says is taken literally, sense or nonsense. Text is latin1. */
export interface Member {
  readonly name: string;
  /** Type flag; `0` where absent. */
  readonly flag?: string;
  readonly content?: string | Buffer;
  /** What the size field claims; the content's length where absent. */
  readonly size?: number | string;
  readonly mode?: number;
  readonly uid?: number | Buffer;
  readonly gid?: number | Buffer;
  readonly mtime?: number;
  readonly link?: string;
  readonly major?: number;
  readonly minor?: number;
  /** Records of an `x` header before it. */
  readonly pax?: Readonly<Record<string, string>>;
  /** Last change to the header block, before its checksum. */
  readonly patch?: (block: Buffer) => void;
  /** What is added to the right checksum. */
  readonly checksumError?: number;
}

export const file = (name: string, content: string | Buffer = "", more: Partial<Member> = {}): Member => ({
  name,
  content,
  ...more,
});
export const dir = (name: string, more: Partial<Member> = {}): Member => ({
  name,
  flag: "5",
  mode: 0o755,
  ...more,
});
export const symlink = (name: string, link: string): Member => ({ name, flag: "2", link, mode: 0o777 });
export const hardlink = (name: string, link: string): Member => ({ name, flag: "1", link });

/** The members and the two zero blocks. */
export function buildTar(...members: readonly Member[]): Buffer {
  return Buffer.concat([...members.map(encodeMember), Buffer.alloc(1024)]);
}

export function encodeMember(member: Member): Buffer {
  const content = Buffer.isBuffer(member.content)
    ? member.content
    : Buffer.from(member.content ?? "", "latin1");
  const block = Buffer.alloc(512);
  block.write(member.name, 0, 100, "latin1");
  putNumber(block, 100, 8, member.mode ?? 0o644);
  putNumber(block, 108, 8, member.uid ?? 0);
  putNumber(block, 116, 8, member.gid ?? 0);
  if (typeof member.size === "string") block.write(member.size, 124, 12, "latin1");
  else putNumber(block, 124, 12, member.size ?? content.length);
  putNumber(block, 136, 12, member.mtime ?? 1_700_000_000);
  block.write(member.flag ?? "0", 156, 1, "latin1");
  block.write(member.link ?? "", 157, 100, "latin1");
  block.write("ustar\x0000", 257, 8, "latin1");
  putNumber(block, 329, 8, member.major ?? 0);
  putNumber(block, 337, 8, member.minor ?? 0);
  member.patch?.(block);
  block.write("        ", 148, 8, "latin1");
  const sum = block.reduce((total, byte) => total + byte, member.checksumError ?? 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8, "latin1");
  const pax = member.pax === undefined ? [] : [encodePax(member.pax)];
  return Buffer.concat([...pax, block, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

export function paxBody(records: Readonly<Record<string, string>>): string {
  return Object.entries(records)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`;
      let length = rest.length;
      while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
      return `${length}${rest}`;
    })
    .join("");
}

function encodePax(records: Readonly<Record<string, string>>): Buffer {
  return encodeMember({ name: "PaxHeaders/x", flag: "x", content: paxBody(records) });
}

function putNumber(block: Buffer, at: number, length: number, value: number | Buffer): void {
  if (Buffer.isBuffer(value)) value.copy(block, at);
  else block.write(value.toString(8).padStart(length - 1, "0"), at, length, "latin1");
}

/** The bytes in pieces of a size, as a network or a disk gives them. */
export async function* inPieces(bytes: Buffer, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
