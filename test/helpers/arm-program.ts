/** A program for 64-bit ARM, machine code and all: writes `text` to `/made-by-arm` and ends with 0. No compiler is needed for it. */
export function armProgram(text: string): Buffer {
  const path = Buffer.from("/made-by-arm\0\0\0\0");
  const words = Buffer.from(text.padEnd(Math.ceil(text.length / 4) * 4, "\0"));
  const code = [
    0x92800c60, // x0 = AT_FDCWD (-100)
    0, // x1 = path: put in below
    movz(2, 0o101), // O_WRONLY | O_CREAT
    movz(3, 0o644),
    movz(8, 56), // openat
    0xd4000001,
    0, // x1 = text
    movz(2, text.length),
    movz(8, 64), // write, to what openat gave
    0xd4000001,
    movz(0, 0),
    movz(8, 93), // exit
    0xd4000001,
  ];
  const end = code.length * 4;
  code[1] = adr(4, end);
  code[6] = adr(24, end + path.length);
  const body = Buffer.concat([words32(code), path, words]);
  return Buffer.concat([elfHeader(64 + 56 + body.length), body]);
}

/** A number into a register. */
function movz(register: number, value: number): number {
  return 0xd2800000 + value * 32 + register;
}

/** An address, relative to the instruction, into x1. */
function adr(at: number, target: number): number {
  return 0x10000001 + ((target - at) / 4) * 32;
}

/** ELF64, little-endian, EM_AARCH64; one segment that is the whole file (elf.h). */
function elfHeader(size: number): Buffer {
  const header = Buffer.alloc(64 + 56);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(2, 16);
  header.writeUInt16LE(183, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(0x400078n, 24);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64);
  header.writeUInt32LE(5, 68);
  header.writeBigUInt64LE(0x400000n, 80);
  header.writeBigUInt64LE(0x400000n, 88);
  header.writeBigUInt64LE(BigInt(size), 96);
  header.writeBigUInt64LE(BigInt(size), 104);
  header.writeBigUInt64LE(0x1000n, 112);
  return header;
}

function words32(code: readonly number[]): Buffer {
  const bytes = Buffer.alloc(code.length * 4);
  for (const [i, word] of code.entries()) bytes.writeUInt32LE(word, i * 4);
  return bytes;
}
