import { writeFileSync } from "node:fs";
import { CACHE_MODELS, type CacheModelName } from "../../core/cache-key.ts";
import { BuildError, isBuildError } from "../../core/errors.ts";
import type { NetworkMode } from "../../core/step.ts";
import { createEngine } from "../../engine.ts";
import { needsUserNamespace } from "../../host/user-namespace.ts";
import { parseBuildContext } from "../../operations/build-contexts.ts";
import type { BuildOptions, BuildResult } from "../../operations/types.ts";
import { NeedsUserNamespace } from "../../operations/workshop.ts";
import {
  chooseColours,
  chooseColumns,
  chooseProgress,
  parseProgressMode,
} from "../../progress/choose-progress.ts";
import { renderErrorBlock } from "../../progress/error-block.ts";
import type { ParsedArgs } from "../args.ts";
import type { CliContext, Command } from "../command.ts";
import { epochOf } from "../epoch.ts";
import { exitCodeOf } from "../exit-code.ts";
import { holdBack } from "../hold-back.ts";
import { reexecute } from "../reexecute.ts";
import { createRenderer } from "../renderer.ts";
import { BUILD_FLAGS } from "./build-flags.ts";
import { readRunFlags } from "./run-flags.ts";

export const buildCommand: Command = {
  names: ["build", "buildx build", "image build", "builder build"],
  usage: "[build] [OPTIONS] PATH|URL|-",
  summary: "Build an image from a Dockerfile (the default command)",
  flags: BUILD_FLAGS,
  run: runBuildCommand,
};

function methodOf(args: ParsedArgs): string {
  return args.has("check") ? "check" : (args.get("call") ?? args.get("print") ?? "build");
}

async function runBuildCommand(args: ParsedArgs, context: CliContext): Promise<number> {
  const wanted = toBuildOptions(args, context);
  const method = methodOf(args);
  if (method === "build") return await runBuilding(await withOutputs(wanted, args, context), args, context);
  const { runCall } = await import("./call.ts");
  return await runCall(method, wanted, context);
}

async function runBuilding(options: BuildOptions, args: ParsedArgs, context: CliContext): Promise<number> {
  const asked = args.has("quiet") ? "quiet" : parseProgressMode(args.get("progress") ?? "auto");
  if (asked === undefined)
    throw usage(
      `--progress=${args.get("progress")} is not a mode`,
      "Choose auto, tty, plain, quiet, json or rawjson.",
    );
  requireFreeOutput(options, asked);
  const choice = chooseProgress(asked, { isTTY: context.stderr.isTTY, env: context.env });
  const fromStdin = options.context === "-" || options.dockerfile === "-";
  const mayStartOver = needsUserNamespace();
  // What is read from standard input can be read once: by the process that will do the work.
  if (mayStartOver && fromStdin) return await reexecute();
  const shown = createRenderer(choice, { context, debug: args.has("debug") });
  const renderer = mayStartOver ? holdBack(shown) : shown;
  const warn = (text: string) => void context.stderr.write(`warning: ${text}\n`);
  await using engine = await createEngine({ env: context.env, warn });
  const build = engine.build(options);
  const drawing = (async () => {
    for await (const event of build.events) renderer.onEvent(event);
  })();
  try {
    const result = await build.result;
    await drawing;
    await renderer.finish();
    await writeFacts(result, args);
    return 0;
  } catch (error) {
    await drawing;
    if (error instanceof NeedsUserNamespace) return await reexecute();
    await renderer.finish();
    if (!isBuildError(error)) throw error;
    if (choice.mode !== "json" && choice.mode !== "rawjson") {
      const colours = chooseColours({ isTTY: context.stderr.isTTY, env: context.env });
      // Whoever stopped it knows where: no place, no excerpt.
      const shownError = error.code === "cli/canceled" ? canceledError() : error;
      const { isTTY } = context.stderr;
      const columns = isTTY ? chooseColumns(context.stderr.columns, context.env) : undefined;
      context.stderr.write(renderErrorBlock(shownError, { source: build.source(), colours, columns }));
    }
    return exitCodeOf(error);
  }
}

/** The files that tell scripts what was built. */
async function writeFacts(result: BuildResult, args: ParsedArgs): Promise<void> {
  const iidfile = args.get("iidfile");
  if (iidfile !== undefined && result.image !== null) writeFileSync(iidfile, result.image.id);
  const metadataFile = args.get("metadata-file");
  if (metadataFile === undefined) return;
  const { writeMetadata } = await import("../../operations/build-metadata.ts");
  writeMetadata(metadataFile, result);
}

/** Outputs are looked at only where some are asked for: a plain build loads nothing of them. */
async function withOutputs(
  options: BuildOptions,
  args: ParsedArgs,
  context: CliContext,
): Promise<BuildOptions> {
  if (!["output", "push", "load", "annotation"].some((name) => args.all(name).length > 0)) return options;
  const { addOutputs } = await import("./build-outputs.ts");
  return addOutputs(options, args, context);
}

/** Standard output is the archive's alone. */
function requireFreeOutput({ outputs = [] }: BuildOptions, mode: string): void {
  const isTaken = outputs.some((output) => "dest" in output && output.dest === "-");
  if (isTaken && ["json", "rawjson", "quiet"].includes(mode))
    throw usage(`--progress=${mode} and an output both want standard output`, "Give the output a dest.");
}

function canceledError(): BuildError {
  return new BuildError("cli/canceled", "the build was canceled", {
    hint: "Steps that were finished are kept: the same build goes on from there.",
  });
}

/** The flags of a build as its options. Throws `cli/usage`. */
export function toBuildOptions(args: ParsedArgs, context: CliContext): BuildOptions {
  const [path, ...more] = args.positionals;
  if (path === undefined || more.length > 0) {
    throw usage(
      path === undefined ? "build needs a folder" : `build takes one folder, not ${more.length + 1}`,
      "Write: tsbuild -t NAME .",
    );
  }
  const epoch = args
    .all("build-arg")
    .find((arg) => arg.startsWith("SOURCE_DATE_EPOCH="))
    ?.slice("SOURCE_DATE_EPOCH=".length);
  return {
    context: path,
    dockerfile: args.get("file"),
    stdin: path === "-" || args.get("file") === "-" ? context.stdin : undefined,
    tags: args.all("tag"),
    buildArgs: pairs(args.all("build-arg"), context.env),
    labels: pairs(args.all("label"), {}),
    target: args.get("target"),
    noCache: args.has("no-cache"),
    noCacheFilter: args
      .all("no-cache-filter")
      .flatMap((text) => text.split(","))
      .filter((name) => name !== ""),
    buildContexts: args.all("build-context").map((text) => parseBuildContext(text)),
    pull: args.has("pull"),
    platforms: platforms(args, context),
    network: network(args.get("network")),
    jobs: jobs(args.get("jobs")),
    executor: executor(args.get("executor")),
    cacheModel: cacheModel(args.get("cache-model")),
    cacheFrom: args.all("cache-from"),
    cacheTo: args.all("cache-to"),
    sourceDateEpoch: epochOf(context.env, epoch),
    debug: args.has("debug"),
    ...readRunFlags(args, context.env),
    signal: context.signal,
  };
}

/** Repeated and with commas, as buildx takes them. */
function platforms(args: ParsedArgs, { env }: CliContext): readonly string[] | undefined {
  const given = args.all("platform");
  const words = given.length > 0 ? given : [env["DOCKER_DEFAULT_PLATFORM"] ?? ""];
  const list = words.flatMap((word) => word.split(",")).filter((word) => word !== "");
  return list.length === 0 ? undefined : list;
}

/** `K=V`; a bare `K` takes its value from the environment, and is left out where that has none. */
function pairs(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const word of words) {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? env[name] : word.slice(equals + 1);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

function network(text: string | undefined): NetworkMode | undefined {
  if (text === undefined || text === "default") return undefined;
  if (text === "host" || text === "none") return text;
  throw usage(`--network=${text} is not a network`, "Choose host or none.");
}

function executor(text: string | undefined): string | undefined {
  if (text === undefined || ["auto", "native", "oci", "unshare"].includes(text)) return text;
  throw usage(`--executor=${text} is not an executor`, "Choose auto, native, oci or unshare.");
}

function cacheModel(text: string | undefined): CacheModelName | undefined {
  const name = CACHE_MODELS.find((known) => known === text);
  if (text === undefined || name !== undefined) return name;
  throw usage(`--cache-model=${text} is not a model`, `Choose one of ${CACHE_MODELS.join(", ")}.`);
}

function jobs(text: string | undefined): number | undefined {
  return text === undefined ? undefined : wholeNumber(text, "--jobs", 1);
}

function wholeNumber(text: string, name: string, least = 0): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw usage(`${name} is not a whole number: "${text}"`, `Write a number from ${least} on.`);
}

function usage(message: string, hint: string): BuildError {
  return new BuildError("cli/usage", message, { hint });
}
