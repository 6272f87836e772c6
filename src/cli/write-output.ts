import { cannotWrite } from "../output/write-file.ts";

export { writeFileFrom } from "../output/write-file.ts";

/** Waits until each piece has gone: a piece is valid no longer. A reader that went away is `cli/output`. */
export async function writeStreamFrom(
  stream: NodeJS.WritableStream,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const piece of pieces) {
    await new Promise<void>((resolve, reject) => {
      stream.write(piece, (error) => {
        if (error) reject(cannotWrite("standard output", error));
        else resolve();
      });
    });
  }
}
