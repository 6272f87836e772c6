import type { Renderer, Write } from "./renderer.ts";

/** `-q`: the image id and a newline if there is an image, else nothing. The error is the command line's to print. */
export function createQuietRenderer({ write }: { readonly write: Write }): Renderer {
  return {
    onEvent(event) {
      if (event.type === "finished" && event.image !== null) write(`${event.image.id}\n`);
    },
    finish: () => undefined,
  };
}
