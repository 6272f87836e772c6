import { BuildError, isBuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { needsUserNamespace } from "../../host/user-namespace.ts";
import type { Difference } from "../../operations/compare-builds.ts";
import { NeedsUserNamespace } from "../../operations/workshop.ts";
import { chooseColours } from "../../progress/choose-progress.ts";
import { renderErrorBlock } from "../../progress/error-block.ts";
import { formatCount } from "../../progress/format.ts";
import { createPlainRenderer } from "../../progress/plain.ts";
import { safeName } from "../../progress/safe-text.ts";
import type { ParsedArgs } from "../args.ts";
import type { CliContext } from "../command.ts";
import { exitCodeOf } from "../exit-code.ts";
import { reexecute } from "../reexecute.ts";
import { toBuildOptions } from "./build.ts";

const MOST_LINES = 20;

/** `verify --twice`: two builds, and what their images do not agree in. */
export async function verifyTwice(args: ParsedArgs, context: CliContext): Promise<number> {
  const options = toBuildOptions(args, context);
  if ((options.platforms ?? []).length > 1)
    throw new BuildError("cli/usage", "verify --twice compares one platform at a time", {
      hint: "Give one --platform.",
    });
  if (options.stdin !== undefined)
    throw new BuildError("cli/usage", "standard input can be read once, and is needed twice", {
      hint: "Write the Dockerfile to a file and name it with -f.",
    });
  // What an ordinary user's first process would do it would do again.
  if (needsUserNamespace()) return await reexecute();
  const { env, stdout, stderr } = context;
  const warn = (text: string) => void stderr.write(`warning: ${text}\n`);
  await using engine = await createEngine({ env, warn });
  const build = engine.buildTwice({ ...options, platform: options.platforms?.[0] });
  const drawing = draw(build.events, args.has("quiet") ? () => undefined : (text) => void stderr.write(text));
  try {
    const differences = await build.result;
    await drawing;
    if (differences.length > 0) throw notTheSame(differences, options.sourceDateEpoch, stdout);
    if (!args.has("quiet")) stdout.write("both builds made the same image, byte for byte\n");
    return 0;
  } catch (error) {
    await drawing;
    if (error instanceof NeedsUserNamespace) return await reexecute();
    if (!isBuildError(error)) throw error;
    const colours = chooseColours({ isTTY: stderr.isTTY, env });
    stderr.write(renderErrorBlock(error, { source: build.source(), colours }));
    return exitCodeOf(error);
  }
}

type Events = ReturnType<Awaited<ReturnType<typeof createEngine>>["buildTwice"]>["events"];

/** A display for each of the two. */
async function draw(events: Events, write: (text: string) => void): Promise<void> {
  let renderer = createPlainRenderer({ write, debug: false });
  for await (const event of events) {
    renderer.onEvent(event);
    if (event.type !== "finished") continue;
    await renderer.finish();
    renderer = createPlainRenderer({ write, debug: false });
  }
}

function notTheSame(
  differences: readonly Difference[],
  epoch: number | undefined,
  out: NodeJS.WritableStream,
): BuildError {
  for (const difference of differences.slice(0, MOST_LINES)) out.write(`${safeName(lineOf(difference))}\n`);
  const more = differences.length - MOST_LINES;
  if (more > 0) out.write(`and ${formatCount(more, "further difference")}\n`);
  const [first] = differences;
  const isTime = first !== undefined && (first.what === "mtime" || /(^|\.)created$/.test(first.subject));
  return new BuildError(
    "cli/verify-failed",
    `the two builds differ in ${formatCount(differences.length, "place")}, first in ${first?.place}: ${first?.subject}`,
    {
      hint:
        isTime && epoch === undefined
          ? "Times differ: set SOURCE_DATE_EPOCH, and they are clamped to it."
          : "Look for times, random numbers, unsorted listings and downloads in the step that made it.",
    },
  );
}

function lineOf({ place, subject, what, first, second }: Difference): string {
  return `${place}: ${subject}${what === "" ? "" : ` ${what}`}: ${first} → ${second}`;
}
