/**
 * The machine of the native executor: a static ELF program for x86-64 whose code is an interpreter of a table of system
 * calls. It has no stack and no library: each row of the table is one call and says which row comes next.
 *
 * A row is 112 bytes, fields of 8 bytes, little-endian:
 *
 *    +0 number of the system call
 *    +8 first address that receives the result   (unused: SINK)
 *   +16 second address that receives the result  (unused: SINK)
 *   +24 the six arguments
 *   +72 a result that is looked for before all others, in practice one -errno (unused: NO_ERRNO)
 *   +80 next row on that result
 *   +88 next row on any other error, after the row's address and the result went to FAILED
 *   +96 next row on zero
 *  +104 next row on a positive result
 */

/** Where the first page of the file (headers, code) is mapped. Below 2 GiB, so that absolute addresses fit 32 bits. */
const CODE_BASE = 0x1000_0000;
/** Where the data (fixed cells, constants, rows) is mapped. */
export const DATA_BASE = 0x2000_0000;
const PAGE = 4096;
const HEADERS = 64 + 3 * 56;

export const ROW_SIZE = 112;
export const ROW = {
  number: 0,
  store: 8,
  storeToo: 16,
  args: 24,
  errno: 72,
  onErrno: 80,
  onError: 88,
  onZero: 96,
  onPositive: 104,
};

/** Fixed cells at the start of the data: 24 bytes of a ready message about the failed row, then a place for unwanted results. */
export const FAILED = DATA_BASE;
export const SINK = DATA_BASE + 24;
export const DATA_START = DATA_BASE + 32;
/** No system call returns it. */
export const NO_ERRNO = -(2n ** 62n);

/** The interpreter. `firstRow` is an address in the data. */
export function encodeCode(firstRow: number): Buffer {
  const code = [
    [0xbb, ...int32(firstRow)], //                         0  mov  ebx, firstRow
    // next:
    [0x48, 0x8b, 0x03], //                                 5  mov  rax, [rbx]
    [0x48, 0x8b, 0x7b, ROW.args], //                       8  mov  rdi, [rbx+24]
    [0x48, 0x8b, 0x73, ROW.args + 8], //                  12  mov  rsi, [rbx+32]
    [0x48, 0x8b, 0x53, ROW.args + 16], //                 16  mov  rdx, [rbx+40]
    [0x4c, 0x8b, 0x53, ROW.args + 24], //                 20  mov  r10, [rbx+48]
    [0x4c, 0x8b, 0x43, ROW.args + 32], //                 24  mov  r8,  [rbx+56]
    [0x4c, 0x8b, 0x4b, ROW.args + 40], //                 28  mov  r9,  [rbx+64]
    [0x0f, 0x05], //                                      32  syscall              rcx and r11 are lost, rbx stays
    [0x48, 0x8b, 0x4b, ROW.store], //                     34  mov  rcx, [rbx+8]
    [0x48, 0x89, 0x01], //                                38  mov  [rcx], rax
    [0x48, 0x8b, 0x4b, ROW.storeToo], //                  41  mov  rcx, [rbx+16]
    [0x48, 0x89, 0x01], //                                45  mov  [rcx], rax
    [0x48, 0x3b, 0x43, ROW.errno], //                     48  cmp  rax, [rbx+72]
    [0x74, 0x2f], //                                      52  je   known           54 + 47 = 101
    [0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff], //              54  cmp  rax, -4095
    [0x73, 0x11], //                                      60  jae  failed          62 + 17 = 79
    [0x48, 0x85, 0xc0], //                                62  test rax, rax
    [0x74, 0x06], //                                      65  je   zero            67 + 6 = 73
    [0x48, 0x8b, 0x5b, ROW.onPositive], //                67  mov  rbx, [rbx+104]
    [0xeb, 0xbc], //                                      71  jmp  next            73 - 68 = 5
    // zero:
    [0x48, 0x8b, 0x5b, ROW.onZero], //                    73  mov  rbx, [rbx+96]
    [0xeb, 0xb6], //                                      77  jmp  next            79 - 74 = 5
    // failed:
    [0x48, 0x89, 0x1c, 0x25, ...int32(FAILED + 8)], //    79  mov  [FAILED+8], rbx
    [0x48, 0x89, 0x04, 0x25, ...int32(FAILED + 16)], //   87  mov  [FAILED+16], rax
    [0x48, 0x8b, 0x5b, ROW.onError], //                   95  mov  rbx, [rbx+88]
    [0xeb, 0xa0], //                                      99  jmp  next           101 - 96 = 5
    // known:
    [0x48, 0x8b, 0x5b, ROW.onErrno], //                  101  mov  rbx, [rbx+80]
    [0xeb, 0x9a], //                                     105  jmp  next           107 - 102 = 5
  ];
  return Buffer.from(code.flat());
}

/** The whole program file: one page of headers and code (read, execute), then the data (read, write). */
export function encodeElf(data: Buffer, firstRow: number): Buffer {
  const head = Buffer.alloc(PAGE);
  const code = encodeCode(firstRow);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bits, little-endian, version 1
  head.writeUInt16LE(2, 16); // e_type: executable at fixed addresses
  head.writeUInt16LE(62, 18); // e_machine: x86-64
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(BigInt(CODE_BASE + HEADERS), 24); // e_entry
  head.writeBigUInt64LE(64n, 32); // e_phoff
  head.writeUInt16LE(64, 52); // e_ehsize
  head.writeUInt16LE(56, 54); // e_phentsize
  head.writeUInt16LE(3, 56); // e_phnum

  const used = HEADERS + code.length;
  segment(head, 64, { type: 1, flags: 5, offset: 0, address: CODE_BASE, fileSize: used, memorySize: used });
  segment(head, 120, {
    type: 1,
    flags: 6,
    offset: PAGE,
    address: DATA_BASE,
    fileSize: data.length,
    memorySize: data.length,
  });
  // PT_GNU_STACK without execution: where it is missing, old kernels give the command READ_IMPLIES_EXEC.
  segment(head, 176, { type: 0x6474e551, flags: 6, offset: 0, address: 0, fileSize: 0, memorySize: 0 });
  code.copy(head, HEADERS);
  return Buffer.concat([head, data]);
}

interface Segment {
  readonly type: number;
  /** 1 execute, 2 write, 4 read. */
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
}

function segment(head: Buffer, at: number, s: Segment): void {
  head.writeUInt32LE(s.type, at);
  head.writeUInt32LE(s.flags, at + 4);
  for (const [i, value] of [s.offset, s.address, s.address, s.fileSize, s.memorySize, PAGE].entries()) {
    head.writeBigUInt64LE(BigInt(value), at + 8 + 8 * i);
  }
}

function int32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}
