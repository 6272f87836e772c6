/**
 * Replays a scripted build on this terminal, to look at it: `node <bundle> [sample|parallel] [speed] [lazy|live]`. Node runs no
 * .tsx, so bundle it first; README.md of src/tui has the command.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { BuildEvent } from "../../src/core/events.ts";
import { chooseColours, chooseColumns } from "../../src/progress/choose-progress.ts";
import { renderErrorBlock } from "../../src/progress/error-block.ts";
import { createPaint } from "../../src/progress/paint.ts";
import { createTtyRenderer } from "../../src/progress/tty.ts";
import { renderBuild } from "../../src/tui/render-build.tsx";
import { parallelBuild, sampleBuild } from "../progress/scripted-build.ts";

const [, , name = "sample", speed = "1", way = "lazy"] = process.argv;
const events = name === "parallel" ? parallelBuild() : sampleBuild();
const colours = chooseColours({ isTTY: process.stderr.isTTY, env: process.env });
const columns = (terminal: number | undefined) => chooseColumns(terminal, process.env);

async function* replay(): AsyncGenerator<BuildEvent> {
  const startedAt = performance.now();
  for (const event of events) {
    const atMs = event.atMs / Number(speed);
    await sleep(Math.max(0, startedAt + atMs - performance.now()));
    yield { ...event, atMs };
  }
}

if (way === "live") {
  await renderBuild(replay(), { stderr: process.stderr, colours, columns }).done;
} else {
  const renderer = createTtyRenderer({
    write: (text) => process.stderr.write(text),
    screen: () => ({
      columns: columns(process.stderr.columns),
      paint: createPaint(colours),
      colours,
      debug: false,
    }),
    load: async () => (start, subscribe) =>
      renderBuild(subscribe, { stderr: process.stderr, colours, columns, start }),
  });
  for await (const event of replay()) renderer.onEvent(event);
  await renderer.finish();
}
if (name === "parallel") {
  const text = `${"\n".repeat(11)}ENV A=1\nRUN npmm run build\n`;
  const error = {
    code: "run/exit-nonzero",
    message: "RUN ended with exit code 127",
    details: {
      at: { line: 13, column: 5, endLine: 13, endColumn: 9 },
      label: "sh: npmm: not found",
      hint: "did you mean `npm`?   look around: tsbuild build --shell-on-error .",
      step: "step 4/4",
      logPath: "builds/01JE/4.log",
      logLines: 1,
    },
  };
  process.stderr.write(
    renderErrorBlock(error, {
      source: { name: "docker/app.Dockerfile", text },
      colours,
      columns: columns(process.stderr.columns),
    }),
  );
}
