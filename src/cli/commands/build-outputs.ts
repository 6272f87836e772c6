import { BuildError } from "../../core/errors.ts";
import type { Platform } from "../../core/platform.ts";
import { refuseLostAnnotations } from "../../operations/annotations.ts";
import { type ParsedOutput, parseAnnotation, parseOutput } from "../../operations/parse-outputs.ts";
import { HOST_PLATFORM, requirePlatform } from "../../operations/plan-options.ts";
import type { BuildOptions } from "../../operations/types.ts";
import type { OutputSpec } from "../../output/output-spec.ts";
import type { ParsedArgs } from "../args.ts";
import type { CliContext } from "../command.ts";
import { writeStreamFrom } from "../write-output.ts";

/** What -o, --push, --load and --annotation come to. Throws `cli/usage` where they cannot all be had. */
export function addOutputs(options: BuildOptions, args: ParsedArgs, context: CliContext): BuildOptions {
  const parsed = args.all("output").map((text) => parseOutput(text));
  const outputs = [
    ...withPush(
      parsed.map(({ spec }) => spec),
      args.has("push"),
    ),
  ];
  if (args.has("load") && !outputs.some(({ type }) => type === "docker")) outputs.push(LOAD);
  const annotations = args.all("annotation").flatMap((text) => parseAnnotation(text));
  requireOneStandardOutput(outputs, context);
  const hasImage = outputs.length === 0 || outputs.some(({ type }) => type !== "local" && type !== "tar");
  if (annotations.length > 0 && !hasImage)
    throw usage(
      "--annotation is for images, and files are written alone",
      "Add an image output, or leave it out.",
    );
  const everywhere = outputs.flatMap((output) => ("annotations" in output ? output.annotations : []));
  refuseLostAnnotations([...annotations, ...everywhere], (options.platforms ?? [undefined]).map(platformOf));
  requireNames(outputs, options);
  return {
    ...options,
    outputs,
    annotations,
    standardOutput: (pieces) => writeStreamFrom(context.stdout, pieces),
    keepTimestamps: keepTimestamps(parsed, options),
  };
}

function platformOf(text: string | undefined): Platform {
  return text === undefined ? HOST_PLATFORM : requirePlatform(text);
}

function requireNames(outputs: readonly OutputSpec[], { tags = [] }: BuildOptions): void {
  const lacks = outputs.some((output) => output.type === "image" && output.push && output.names.length === 0);
  if (lacks && tags.length === 0)
    throw usage("what is pushed needs a name", "Write -t registry.example.com/team/app:1.0.");
}

const ENCODING = {
  compression: undefined,
  forceCompression: false,
  ociMediaTypes: true,
  names: [],
  annotations: [],
};
const LOAD: OutputSpec = {
  type: "docker",
  dest: undefined,
  isFolder: false,
  mayLackDaemon: true,
  ...ENCODING,
};
const PUSH: OutputSpec = { type: "image", push: true, ...ENCODING };

/** As buildx: --push is push=true of an image output, or an output of its own. */
function withPush(outputs: readonly OutputSpec[], push: boolean): readonly OutputSpec[] {
  if (!push) return outputs;
  if (!outputs.some(({ type }) => type === "image")) return [...outputs, PUSH];
  return outputs.map((output) => (output.type === "image" ? { ...output, push } : output));
}

function requireOneStandardOutput(outputs: readonly OutputSpec[], { stdout }: CliContext): void {
  const count = outputs.filter((output) => "dest" in output && output.dest === "-").length;
  if (count > 1) throw usage("several outputs want standard output", "Give all but one a dest.");
  if (count === 1 && stdout.isTTY)
    throw usage("an archive is not written to a terminal", "Give the output a dest, or redirect it.");
}

/** `rewrite-timestamp` is of the image, not of a way it leaves: outputs that disagree cannot both be had. */
function keepTimestamps(
  parsed: readonly ParsedOutput[],
  { sourceDateEpoch }: BuildOptions,
): boolean | undefined {
  const said = new Set(
    parsed.flatMap(({ rewriteTimestamp }) => (rewriteTimestamp === undefined ? [] : [rewriteTimestamp])),
  );
  if (said.size > 1) throw usage("one output says rewrite-timestamp=true and another =false", "Say it once.");
  if (said.has(true) && sourceDateEpoch === undefined)
    throw usage(
      "rewrite-timestamp=true needs a time to write",
      "Set SOURCE_DATE_EPOCH, for instance to that of the last commit.",
    );
  return said.has(false) ? true : undefined;
}

function usage(message: string, hint: string): BuildError {
  return new BuildError("cli/usage", message, { hint });
}
