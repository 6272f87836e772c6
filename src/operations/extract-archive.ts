import { unpackArchive } from "../layer/ingest.ts";

/** Unpacks a context archive into an empty directory; entries that would land elsewhere are refused. */
export async function extractArchive(archive: AsyncIterable<Uint8Array>, dir: string): Promise<void> {
  await unpackArchive(archive, dir);
}
