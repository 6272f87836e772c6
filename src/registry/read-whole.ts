import { BuildError } from "../core/errors.ts";
import type { HttpResponse } from "./transport.ts";

/** A small body; more than `maxBytes` is refused with `registry/bad-response` before it fills memory. */
export async function readWhole(response: HttpResponse, maxBytes: number): Promise<Buffer> {
  const announced = Number(response.header("content-length") ?? 0);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  if (announced <= maxBytes) {
    for await (const chunk of response.body) {
      bytes += chunk.length;
      if (bytes > maxBytes) break;
      chunks.push(chunk);
    }
    if (bytes <= maxBytes) return Buffer.concat(chunks);
  }
  await response.discard();
  throw new BuildError(
    "registry/bad-response",
    `${response.url.host} sent more than the ${maxBytes} bytes that are accepted for ${response.url.pathname}`,
  );
}
