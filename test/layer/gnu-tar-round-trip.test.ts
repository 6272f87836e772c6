import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PackEntry } from "../../src/core/ports.ts";
import { makeNode, setXattr } from "../../src/host/syscalls.ts";
import { ingestLayer } from "../../src/layer/ingest.ts";
import { packLayer } from "../../src/layer/pack.ts";
import { type Toc, tocEntries } from "../../src/layer/toc.ts";
import { isRoot, overlay } from "../helpers/ingest-members.ts";
import { memoryWriter } from "../helpers/memory-writer.ts";
import { inPieces } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** One of everything that a root filesystem can hold and this process can make. */
function makeTree(root: string): void {
  mkdirSync(`${root}/sticky`, { recursive: true });
  writeFileSync(`${root}/su`, "set-id", { mode: 0o755 });
  chmodSync(`${root}/su`, 0o6755);
  writeFileSync(`${root}/${"n".repeat(200)}`, "long name");
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe, 0x0a])]), "no UTF-8");
  linkSync(`${root}/su`, `${root}/su-again`);
  symlinkSync("/etc/../../pki", `${root}/link`);
  setXattr(Buffer.from(`${root}/su`), "user.bytes", "\0\xff=\n");
  makeNode(Buffer.from(`${root}/pipe`), { type: "fifo", mode: 0o640, major: 0, minor: 0 });
  if (isRoot) {
    makeNode(Buffer.from(`${root}/device`), { type: "block", mode: 0o600, major: 7, minor: 300 });
    execFileSync("setcap", ["cap_net_raw+ep", `${root}/${"n".repeat(200)}`]);
    execFileSync("chown", ["-h", "3000000:3000001", `${root}/link`]);
  }
  lutimesSync(`${root}/link`, 5, 5);
  chmodSync(`${root}/sticky`, 0o1777);
  utimesSync(`${root}/sticky`, 1_500_000_000, 1_500_000_000);
}

const TAR = ["--numeric-owner", "--xattrs", "--xattrs-include=*", "--format=posix", "--sort=name"];
const PAX = "--pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders/%f";

/** What GNU tar makes of a directory: equal trees are equal bytes. */
function gnuTar(root: string): Buffer {
  return execFileSync("tar", [...TAR, PAX, "-C", root, "-c", "."], { maxBuffer: 1e8 });
}

function* packEntries(toc: Toc, tar: Buffer): Generator<PackEntry> {
  for (const entry of tocEntries(toc)) {
    const { digest, offset = 0, ...facts } = entry;
    yield { entry: facts, digest, content: () => [tar.subarray(offset, offset + entry.size)] };
  }
}

test("GNU tar → our tree, and GNU tar → our tar → GNU tar's tree: byte for byte what it was", async () => {
  using temp = tempDir("gnu");
  const [source, ours, theirs] = ["source", "ours", "theirs"].map((name) => join(temp.path, name));
  if (source === undefined || ours === undefined || theirs === undefined) throw new Error("no paths");
  makeTree(source);
  const original = gnuTar(source);

  const { toc, squashed } = await ingestLayer(inPieces(original, 5000), { tree: { dir: ours, overlay } });
  expect(squashed).toBe(false);
  expect(gnuTar(ours).equals(original)).toBe(true);

  const writer = memoryWriter();
  await packLayer(packEntries(toc, original), writer);
  mkdirSync(theirs);
  execFileSync("tar", [...TAR, "-p", "-C", theirs, "-x"], { input: writer.bytes() });
  expect(gnuTar(theirs).equals(original)).toBe(true);
});
