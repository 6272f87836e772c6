import { cutToWidth, displayWidth } from "./display-width.ts";
import { formatAbout, formatBytes, formatCount, formatSeconds, shortDigest } from "./format.ts";
import { safeName } from "./safe-text.ts";
import type { Screen } from "./scrollback.ts";
import { type BuildView, countRows } from "./view.ts";

/** A fact of the last line, and what stands between it and the one before. */
interface FinalPart {
  readonly joint: string;
  readonly text: string;
}

/**
 * `hello:1.0.0  sha256:…  61 MB  6 layers  13.1s · 2 hits, 4 misses, about 14 s saved · why: tsbuild explain`; undefined where the
 * build made no image.
 */
export function finalLine(view: BuildView): string | undefined {
  const parts = finalParts(view);
  return parts.length === 0
    ? undefined
    : parts.map(({ joint, text }, index) => (index === 0 ? text : joint + text)).join("");
}

/** The same on a screen: broken between parts where it is too narrow, never wider than it. */
export function finalLines(
  view: BuildView,
  { columns, paint }: Pick<Screen, "columns" | "paint">,
): readonly string[] {
  const lines: { text: string; width: number }[] = [];
  for (const [index, { joint, text }] of finalParts(view).entries()) {
    const last = lines.at(-1);
    const shown = index === 0 ? paint("bold", text) : text;
    const width = (last?.width ?? 0) + joint.length + displayWidth(text);
    if (last !== undefined && width <= columns)
      lines[lines.length - 1] = { text: last.text + joint + shown, width };
    else
      lines.push({
        text: cutToWidth(index === 0 ? shown : `  ${shown}`, columns),
        width: displayWidth(text) + 2,
      });
  }
  return lines.map(({ text }) => text);
}

function finalParts(view: BuildView): readonly FinalPart[] {
  if (view.result === null || view.result.error !== null) return [];
  const { image } = view.result;
  const { hit, miss, savedSeconds } = countRows(view);
  const cache = [
    formatCount(hit, "hit"),
    formatCount(miss, "miss", "misses"),
    ...(savedSeconds >= 0.05 ? [`about ${formatAbout(savedSeconds)} saved`] : []),
  ].join(", ");
  const facts = [
    ...(image === null ? ["no image kept"] : namesAndId(image)),
    formatBytes(view.result.sizeBytes),
    formatCount(view.result.layers, "layer"),
    formatSeconds(view.result.atMs / 1000),
  ];
  const tail = [cache, ...(miss > 0 ? ["why: tsbuild explain"] : [])];
  return [...facts.map((text) => ({ joint: "  ", text })), ...tail.map((text) => ({ joint: " · ", text }))];
}

function namesAndId({ id, tags }: { readonly id: string; readonly tags: readonly string[] }): string[] {
  return [...(tags.length === 0 ? [] : [tags.map(safeName).join(", ")]), shortDigest(id, 12)];
}
