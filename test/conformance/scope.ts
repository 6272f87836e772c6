import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ConformanceCase } from "./case-data.ts";

/**
 * What this version does not promise yet, and how a Dockerfile shows that it needs it. A case that needs one of these and
 * fails is "not yet"; every other case has to pass.
 */
const NOT_PROMISED: readonly (readonly [feature: string, pattern: RegExp])[] = [
  ["RUN --device", /--device\b/],
];

/** Names of the features beyond this version's promise that a case (or one of its parent images) needs. */
export function featuresBeyond(test: ConformanceCase): readonly string[] {
  const files = [...test.prebuild.map((image) => image.dockerfile), dockerfileName(test)];
  const text = files.map((file) => dockerfileText(test, file)).join("\n");
  return NOT_PROMISED.filter(([, pattern]) => pattern.test(text)).map(([feature]) => feature);
}

function dockerfileName(test: ConformanceCase): string {
  return test.dockerfile;
}

/** `context/<path>` is a file of the context, else a file of the case. */
function dockerfileText(test: ConformanceCase, name: string): string {
  if (!name.startsWith("context/")) return readFileSync(join(test.folder, name), "latin1");
  const path = name.slice("context/".length);
  const entry = test.context.find((candidate) => candidate.path === path);
  if (entry?.content_file !== undefined) return readFileSync(join(test.folder, entry.content_file), "latin1");
  return entry?.content ?? Buffer.from(entry?.content_base64 ?? "", "base64").toString("latin1");
}
