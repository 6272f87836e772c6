import { dirname, resolve } from "node:path";
import { BuildError } from "../core/errors.ts";
import { writeFileAtomic } from "../host/atomic-write.ts";
import { fullName } from "./keep-image.ts";
import type { BuildResult } from "./types.ts";

/** `--metadata-file`: buildx's names (docs/reference/buildx_build.md, metadata-file). Of files alone there is only the build. */
export function writeMetadata(path: string, result: BuildResult): void {
  const text = JSON.stringify(metadataOf(result), null, 2);
  try {
    writeFileAtomic(resolve(path), `${text}\n`, { tempDir: dirname(resolve(path)), sync: false });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BuildError("cli/output", `${path} cannot be written: ${why}`, {
      hint: "The image is built and kept; write to a place that is there and yours.",
      cause: error,
    });
  }
}

function metadataOf({ id, image, descriptor }: BuildResult): Readonly<Record<string, unknown>> {
  const build = { "buildx.build.ref": `tsbuild/tsbuild/${id}` };
  if (image === null || descriptor === null) return build;
  const isIndex = image.id === image.digest;
  return {
    ...build,
    ...(isIndex ? {} : { "containerimage.config.digest": image.id }),
    "containerimage.descriptor": descriptor,
    "containerimage.digest": descriptor.digest,
    ...(image.tags.length === 0 ? {} : { "image.name": image.tags.map((tag) => fullName(tag)).join(",") }),
  };
}
