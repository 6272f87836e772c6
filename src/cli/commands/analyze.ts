import { existsSync } from "node:fs";
import { join } from "node:path";
import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { type AnalyzedImage, analyzeImage, type WastedFile } from "../../operations/analyze-image.ts";
import type { Verdict } from "../../operations/waste-rules.ts";
import { formatBytes, formatCount, formatDockerSize } from "../../progress/format.ts";
import { safeName } from "../../progress/safe-text.ts";
import { formatTable } from "../../progress/tables.ts";
import type { ParsedArgs } from "../args.ts";
import type { CliContext, Command } from "../command.ts";

const RULE_FILE = ".dive-ci";
const WASTED_ROWS = 20;
const TITLE_CHARACTERS = 60;

export const analyzeCommand: Command = {
  names: ["analyze"],
  usage: "analyze [OPTIONS] IMAGE",
  summary: "Show what each layer of an image adds, and which bytes are stored and never seen",
  flags: [
    { name: "ci", help: "Hold the image against thresholds; ends with 3 where one is passed" },
    { name: "ci-config", value: "FILE", help: `Thresholds (default: ${RULE_FILE}, where it is there)` },
    { name: "lowestEfficiency", value: "SHARE", help: "Of bytes that are seen, 0 to 1 (0.9)" },
    { name: "highestWastedBytes", value: "SIZE", help: "Of bytes that are not seen (disabled)" },
    {
      name: "highestUserWastedPercent",
      value: "SHARE",
      help: "Of bytes not seen to those above the bottom layer, 0 to 1 (0.1)",
    },
    { name: "no-trunc", help: "Every wasted file, and whole instructions" },
    { name: "format", value: "FORMAT", help: "table (default) or json" },
  ],
  run: async (args, context) => {
    const [name, ...more] = args.positionals;
    if (name === undefined || more.length > 0) {
      throw new BuildError("cli/usage", "analyze takes one image", {
        hint: "Write: tsbuild analyze hello:1.0.0",
      });
    }
    const verdicts = await verdictsOf(args, context);
    await using engine = await createEngine({ env: context.env });
    const image = await analyzeImage(name, engine.shop, context.signal);
    const judged = verdicts?.(image) ?? [];
    if (args.get("format") === "json") context.stdout.write(`${JSON.stringify(toJson(image, judged))}\n`);
    else context.stdout.write(imageText(name, image, { isFull: args.has("no-trunc"), judged }));
    return judged.every(({ holds }) => holds) ? 0 : 3;
  },
};

/** The rules are read before the image is looked for: a slip in them is told at once. */
async function verdictsOf(
  args: ParsedArgs,
  { cwd }: CliContext,
): Promise<((image: AnalyzedImage) => readonly Verdict[]) | undefined> {
  if (!args.has("ci")) return undefined;
  // With it comes the reader of YAML.
  const { judgeImage, readWasteRules } = await import("../../operations/waste-rules.ts");
  const inFolder = join(cwd, RULE_FILE);
  const rules = readWasteRules(args.get("ci-config") ?? (existsSync(inFolder) ? inFolder : undefined), {
    lowestEfficiency: args.get("lowestEfficiency"),
    highestWastedBytes: args.get("highestWastedBytes"),
    highestUserWastedPercent: args.get("highestUserWastedPercent"),
  });
  return (image) => judgeImage(image, rules);
}

function imageText(
  name: string,
  image: AnalyzedImage,
  how: { readonly isFull: boolean; readonly judged: readonly Verdict[] },
): string {
  const { numbers, layers } = image;
  const { wasted } = numbers;
  const shown = how.isFull ? wasted : wasted.slice(0, WASTED_ROWS);
  const title = (layer: number) => `${layer + 1} ${cut(layers[layer]?.createdBy ?? "", how.isFull)}`;
  const parts = [
    `${safeName(name)}: ${formatBytes(numbers.bytes)} in ${formatCount(layers.length, "layer")}, ` +
      `${percent(numbers.efficiency)} of it seen, ${formatBytes(numbers.wastedBytes)} not\n\n`,
    formatTable(
      [
        { header: "SIZE", cell: ({ bytes }) => formatDockerSize(bytes) },
        { header: "ADDED", cell: ({ added }) => String(added) },
        { header: "CHANGED", cell: ({ changed }) => String(changed) },
        { header: "REMOVED", cell: ({ removed }) => String(removed) },
        { header: "LAYER", cell: ({ layer }) => title(layer) },
      ],
      numbers.layers.map((row, layer) => ({ ...row, layer })),
    ),
    wasted.length === 0
      ? ""
      : `\n${formatTable<WastedFile>(
          [
            { header: "NOT SEEN", cell: ({ bytes }) => formatDockerSize(bytes) },
            { header: "FILE", cell: ({ path }) => Buffer.from(path, "latin1").toString("utf8") },
            { header: "STORED BY", cell: ({ layer }) => title(layer) },
            { header: "HIDDEN BY", cell: ({ hiddenBy, how: way }) => `${title(hiddenBy)} (${way})` },
          ],
          shown,
        )}`,
    shown.length < wasted.length
      ? `and ${formatCount(wasted.length - shown.length, "more file", "more files")}: --no-trunc\n`
      : "",
    how.judged.length === 0 ? "" : `\n${how.judged.map(verdictText).join("")}`,
  ];
  return parts.join("");
}

function verdictText({ rule, holds, value, limit }: Verdict): string {
  const format = rule === "highestWastedBytes" ? formatBytes : percent;
  const relation = rule === "lowestEfficiency" ? "at least" : "at most";
  return `${holds ? "PASS" : "FAIL"}  ${rule}: ${format(value)}, ${relation} ${format(limit)}\n`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function cut(text: string, isFull: boolean): string {
  const characters = Array.from(text.replace(/\s+/g, " "));
  return isFull || characters.length <= TITLE_CHARACTERS
    ? characters.join("")
    : `${characters.slice(0, TITLE_CHARACTERS - 1).join("")}…`;
}

function toJson({ id, layers, numbers }: AnalyzedImage, judged: readonly Verdict[]) {
  const { wasted, ...sums } = numbers;
  return {
    v: 1,
    id,
    ...sums,
    layers: numbers.layers.map((row, i) => ({
      diffId: layers[i]?.diffId ?? null,
      createdBy: layers[i]?.createdBy ?? null,
      ...row,
    })),
    wasted: wasted.map((file) => ({ ...file, path: Buffer.from(file.path, "latin1").toString("utf8") })),
    rules: judged,
  };
}
