import { BuildError } from "../core/errors.ts";
import { formatPlatform, type Platform } from "../core/platform.ts";
import type { Annotations } from "../image/encode.ts";
import type { Annotation, AnnotationPlace } from "../output/output-spec.ts";

/** The annotations of one place, as they go into a document; of a platform's those that are for it. */
export function annotationsAt(
  place: AnnotationPlace,
  annotations: readonly Annotation[],
  platform?: Platform,
): Annotations {
  const own = annotations.filter(
    (each) =>
      each.place === place &&
      (each.platform === undefined || (platform !== undefined && each.platform === formatPlatform(platform))),
  );
  return Object.fromEntries(own.map(({ key, value }) => [key, value]));
}

/** An annotation that would go nowhere is refused: of an index where there is none, of a platform that is not built. */
export function refuseLostAnnotations(
  annotations: readonly Annotation[],
  platforms: readonly Platform[],
): void {
  const built = platforms.map((platform) => formatPlatform(platform));
  for (const { place, platform, key } of annotations) {
    if ((place === "index" || place === "index-descriptor") && platforms.length < 2) {
      throw new BuildError(
        "cli/usage",
        `the annotation ${key} is for an index, and an image of one platform has none`,
        {
          hint: "Write it without index:, or build several platforms.",
        },
      );
    }
    if (platform !== undefined && !built.includes(platform)) {
      throw new BuildError("cli/usage", `the annotation ${key} is for ${platform}, which is not built`, {
        hint: `Built: ${built.join(", ")}.`,
      });
    }
  }
}
