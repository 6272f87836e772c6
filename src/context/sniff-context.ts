/** Leading bytes of the compressions that an archive may come in. */
const MAGICS: readonly (readonly number[])[] = [
  [0x1f, 0x8b], // gzip, RFC 1952
  [0x42, 0x5a, 0x68], // bzip2
  [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], // xz
  [0x28, 0xb5, 0x2f, 0xfd], // zstd, RFC 8878
];

/** As many leading bytes as isArchive wants to see: a tar header. */
export const SNIFF_BYTES = 512;

/** True where these are the first bytes of a tar archive, plain or compressed; anything else on standard input is a Dockerfile. */
export function isArchive(head: Uint8Array): boolean {
  return MAGICS.some((magic) => magic.every((byte, i) => head[i] === byte)) || isTarHeader(head);
}

/** The checksum field tells: archives from before ustar have no magic. An archive with nothing in it is all zeros. */
function isTarHeader(head: Uint8Array): boolean {
  if (head.length < SNIFF_BYTES) return false;
  const block = Buffer.from(head.buffer, head.byteOffset, SNIFF_BYTES);
  if (block.every((byte) => byte === 0)) return true;
  const field = /^ *([0-7]+)[ \0]/.exec(block.toString("latin1", 148, 156));
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  return field !== null && Number.parseInt(field[1] ?? "", 8) === sum;
}
