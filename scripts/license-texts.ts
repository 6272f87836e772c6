import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The licence texts of every package whose code is in a bundle, as their licences ask of whoever hands copies on. `inputs`
 * are the source files of the bundle, relative to `root`.
 */
export function licenseTexts(root: string, inputs: readonly string[]): string {
  const folders = new Set(inputs.flatMap((input) => packageFolder(input) ?? []));
  return [...folders]
    .toSorted()
    .map((folder) => licenseOf(join(root, folder)))
    .join(`\n${"-".repeat(80)}\n`);
}

/** `node_modules/a/node_modules/@b/c/x.js` → `node_modules/a/node_modules/@b/c`. */
function packageFolder(input: string): string | undefined {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
}

function licenseOf(folder: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const { name, version, license } = manifest as { name: string; version: string; license?: string };
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)(\.|$)/i.test(entry));
  const text =
    file === undefined ? `License: ${license ?? "not stated"}\n` : readFileSync(join(folder, file), "utf8");
  return `${name} ${version}\n\n${text}`;
}
