import { appendFileSync } from "node:fs";
import { unreachable } from "../core/unreachable.ts";
import { chooseColumns, type ProgressChoice } from "../progress/choose-progress.ts";
import { createGithubRenderer, type GithubRenderer } from "../progress/github.ts";
import { createJsonRenderer } from "../progress/json.ts";
import { createPaint } from "../progress/paint.ts";
import { createPlainRenderer } from "../progress/plain.ts";
import { createQuietRenderer } from "../progress/quiet.ts";
import { createRawJsonRenderer } from "../progress/rawjson.ts";
import { guardRenderer, type Renderer } from "../progress/renderer.ts";
import { createTtyRenderer } from "../progress/tty.ts";
import type { CliContext } from "./command.ts";

/** The renderer a person asked for: progress to standard error, results and json to standard output. */
export function createRenderer(
  choice: ProgressChoice,
  { context, debug }: { readonly context: CliContext; readonly debug: boolean },
): Renderer {
  return guardRenderer(make(choice, context, debug));
}

function make(choice: ProgressChoice, context: CliContext, debug: boolean): Renderer {
  const { stdout, stderr, env } = context;
  const out = (text: string) => void stdout.write(text);
  const err = (text: string) => void stderr.write(text);
  const { colours } = choice;
  switch (choice.mode) {
    case "json":
      return createJsonRenderer({ write: out });
    case "rawjson":
      return createRawJsonRenderer({ write: out, startedMs: Date.now() });
    case "quiet":
      return createQuietRenderer({ write: out });
    case "plain": {
      if (!choice.github) return createPlainRenderer({ write: err, debug });
      return withSummary(createGithubRenderer({ write: err, debug }), env["GITHUB_STEP_SUMMARY"]);
    }
    case "tty":
      return ttyRenderer(context, colours, debug);
    default:
      return unreachable(choice.mode);
  }
}

/** In GitHub Actions the table of steps goes into the job's summary page. */
function withSummary(renderer: GithubRenderer, file: string | undefined): Renderer {
  if (file === undefined || file === "") return renderer;
  return {
    onEvent: (event) => renderer.onEvent(event),
    finish: async () => {
      await renderer.finish();
      appendFileSync(file, renderer.summary());
    },
  };
}

function ttyRenderer(context: CliContext, colours: boolean, debug: boolean): Renderer {
  const { stderr, env } = context;
  // The display asks the terminal itself: `stderr.columns` is only as new as the last signal that was handled.
  const columns = (terminal: number | undefined) => chooseColumns(terminal, env);
  const paint = createPaint(colours);
  return createTtyRenderer({
    write: (text) => void stderr.write(text),
    screen: () => ({ columns: columns(stderr.columns), paint, colours, debug }),
    load: async () => {
      const { renderBuild } = await import("../tui/render-build.tsx");
      return (start, subscribe) => renderBuild(subscribe, { stderr, colours, columns, debug, start });
    },
  });
}
