import { BuildError } from "../../core/errors.ts";
import { createEngine, type Explanation } from "../../engine.ts";
import { chooseColours } from "../../progress/choose-progress.ts";
import { explainLines } from "../../progress/explain-text.ts";
import { createPaint } from "../../progress/paint.ts";
import type { Command } from "../command.ts";

export const explainCommand: Command = {
  names: ["explain"],
  usage: "explain [OPTIONS] [BUILD [LATER-BUILD]]",
  summary:
    "Say why each step of a build hit or missed its cache, or what moved between two builds: old → new",
  flags: [
    { name: "step", value: "N", help: "Only the steps of this number" },
    { name: "format", value: "FORMAT", help: "text (default) or json" },
  ],
  run: async (args, { env, stdout }) => {
    const [first, second, ...more] = args.positionals;
    if (more.length > 0)
      throw new BuildError("cli/usage", "explain takes one build, or two to compare", {
        hint: "See tsbuild builds ls.",
      });
    const format = args.get("format") ?? "text";
    if (format !== "text" && format !== "json") {
      throw new BuildError("cli/usage", `--format=${format} is not a format`, {
        hint: "Choose text or json.",
      });
    }
    await using engine = await createEngine({ env });
    const explained = onlyStep(
      second === undefined ? await engine.explain(first) : await engine.explain(second, first),
      args.get("step"),
    );
    if (format === "json") {
      stdout.write(`${JSON.stringify(toJson(explained))}\n`);
      return 0;
    }
    const paint = createPaint(chooseColours({ isTTY: stdout.isTTY, env }));
    stdout.write(`${explainLines(explained, { nowMs: Date.now(), paint }).join("\n")}\n`);
    return 0;
  },
};

function onlyStep(explained: Explanation, step: string | undefined): Explanation {
  if (step === undefined) return explained;
  const steps = explained.steps.filter(({ ordinal }) => String(ordinal) === step);
  if (steps.length > 0) return { ...explained, steps };
  throw new BuildError("cli/usage", `the build has no step ${step}`, {
    hint: "Steps are counted from 1 in each stage.",
  });
}

/** The shape that tools rely on. */
function toJson({ build, compared, steps }: Explanation) {
  return {
    v: 1,
    build,
    compared,
    steps: steps.map(({ stage, line, instruction, result, rootCause, changes, hint }) => {
      return { stage, line, instruction, result, rootCause, changes, hint };
    }),
  };
}
