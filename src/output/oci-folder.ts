import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { BuildError } from "../core/errors.ts";
import { writeFileAtomic } from "../host/atomic-write.ts";
import { errnoOf } from "../host/errno.ts";
import { blobEntry, type Pieces } from "./archive-output.ts";
import { allBlobs, blobName, LAYOUT_FILE, layoutIndex, type PackedImage, toJson } from "./image-archive.ts";
import { cannotWrite, writeFileFrom } from "./write-file.ts";

const REF_NAME = "org.opencontainers.image.ref.name";

/**
 * An OCI layout in a folder (OCI image-spec image-layout.md). Images of other names that are there stay; index.json is written
 * last, so that whatever happens it names only what is whole.
 */
export async function writeOciFolder(images: readonly PackedImage[], dest: string): Promise<void> {
  try {
    mkdirSync(join(dest, "blobs/sha256"), { recursive: true });
    for (const [digest, blob] of allBlobs(images)) {
      const path = join(dest, blobName(digest));
      if (statSync(path, { throwIfNoEntry: false })?.size === blob.size) continue;
      await writeFileFrom(path, withoutHeader(blobEntry("blob", blob), blob.size));
    }
    const how = { tempDir: dest, sync: false };
    writeFileAtomic(join(dest, "oci-layout"), LAYOUT_FILE, how);
    const made = layoutIndex(images);
    const names = new Set(made.manifests.map(({ annotations }) => annotations?.[REF_NAME]));
    const digests = new Set<unknown>(made.manifests.map(({ digest }) => digest));
    const kept = entriesOf(dest).filter(({ name, digest }) =>
      name === undefined ? !digests.has(digest) : !names.has(name),
    );
    const index = { ...made, manifests: [...kept.map(({ value }) => value), ...made.manifests] };
    writeFileAtomic(join(dest, "index.json"), toJson(index), how);
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw cannotWrite(dest, error);
  }
}

/** The content of a verified entry: what stands around it is for archives. */
async function* withoutHeader(pieces: Pieces, size: number): Pieces {
  await pieces.next();
  let left = size;
  for await (const piece of pieces) {
    if (left > 0) yield piece.subarray(0, left);
    left -= piece.length;
  }
}

interface Entry {
  readonly value: unknown;
  readonly digest: unknown;
  readonly name: string | undefined;
}

/** What a layout that is there already names. One that cannot be read is an error: it is somebody's. */
function entriesOf(dest: string): readonly Entry[] {
  let text: string;
  try {
    text = readFileSync(join(dest, "index.json"), "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
  const index: unknown = JSON.parse(text);
  const manifests: unknown = isRecord(index) ? index["manifests"] : undefined;
  if (!Array.isArray(manifests)) throw new Error("its index.json is not an OCI index");
  return manifests.map((value: unknown) => {
    const entry = isRecord(value) ? value : {};
    const annotations = isRecord(entry["annotations"]) ? entry["annotations"] : {};
    const name = annotations[REF_NAME];
    return { value, digest: entry["digest"], name: typeof name === "string" ? name : undefined };
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
