/** Less than this in a whole stall time is a connection that drips: it is given up, as one that stands still is. */
const LEAST_BYTES = 4 * 1024;

/** A body that came too slowly. Its code is that of undici's own time-out: the same may be done about both. */
class TooSlow extends Error {
  override readonly name = "TooSlow";
  readonly code = "UND_ERR_BODY_TIMEOUT";
}

/**
 * The same bytes; an error that counts as a broken connection where a body of more than a few bytes drips. Only the time spent
 * waiting for the network counts, not that of a slow reader.
 */
export async function* paced(
  body: AsyncIterable<Uint8Array>,
  stallTimeoutMs: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let waitedMs = 0;
  let bytes = 0;
  let sinceMs = performance.now();
  for await (const chunk of body) {
    waitedMs += performance.now() - sinceMs;
    bytes += chunk.length;
    if (bytes >= LEAST_BYTES) {
      waitedMs = 0;
      bytes = 0;
    } else if (waitedMs > stallTimeoutMs)
      throw new TooSlow(`only ${bytes} bytes came in ${Math.round(waitedMs)} ms`);
    yield chunk;
    sinceMs = performance.now();
  }
}
