/** A member of a test's tar. Type flags as in tar-reader.ts; names are latin1 byte strings of at most 100 bytes. */
export interface TarMember {
  readonly path: string;
  readonly type?: string;
  readonly content?: string | Buffer;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly link?: string;
}

/** A plain ustar archive, for what tests feed the engine. It writes what it is told, sense or nonsense. */
export function writeTar(members: readonly TarMember[]): Buffer {
  const parts = members.flatMap((member) => {
    const content = Buffer.from(member.content ?? "");
    return [header(member, content.length), content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function header(member: TarMember, size: number): Buffer {
  const type = member.type ?? "0";
  const block = Buffer.alloc(512);
  block.write(member.path, 0, 100, "latin1");
  block.write(octal(member.mode ?? (type === "5" ? 0o755 : 0o644), 7), 100);
  block.write(octal(member.uid ?? 0, 7), 108);
  block.write(octal(member.gid ?? 0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(member.mtime ?? 1_000_000_000, 11), 136);
  block.write("        ", 148);
  block.write(type, 156);
  block.write(member.link ?? "", 157, 100, "latin1");
  block.write("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
