import type { BuildEvent, EmitEvent } from "../core/events.ts";
import { chooseColours, chooseColumns } from "../progress/choose-progress.ts";
import { shortId } from "../progress/format.ts";
import { liveLines } from "../progress/live-area.ts";
import { createPaint } from "../progress/paint.ts";
import { noteText, type Screen, transferSummaries } from "../progress/scrollback.ts";
import { EMPTY_VIEW, reduceView } from "../progress/view.ts";
import type { CliContext } from "./command.ts";

/** What a pull or push shows of itself, on standard error. */
export interface TransferDisplay {
  readonly emit: EmitEvent;
  /** Clears the bar and says what was moved. */
  readonly finish: () => void;
}

type Transfer = Extract<BuildEvent, { readonly type: "transfer" }>;

const REDRAW_EVERY_MS = 100;
const CLEAR_LINE = "\r\x1b[2K";

/** One bar over all blobs on a terminal, a line for each state of a blob elsewhere, nothing where `quiet`. */
export function createTransferDisplay(
  context: CliContext,
  { quiet }: { readonly quiet: boolean },
): TransferDisplay {
  if (quiet) return { emit: () => undefined, finish: () => undefined };
  const startedMs = performance.now();
  const isDrawn = context.stderr.isTTY && context.env["TERM"] !== "dumb";
  const show = isDrawn ? drawBar(context) : printLines(context);
  return {
    emit: (event) => show.onEvent({ ...event, atMs: performance.now() - startedMs }),
    finish: show.finish,
  };
}

interface Show {
  readonly onEvent: (event: BuildEvent) => void;
  readonly finish: () => void;
}

function drawBar({ stderr, env }: CliContext): Show {
  const colours = chooseColours({ isTTY: true, env });
  const screen = (): Screen => {
    return {
      columns: chooseColumns(stderr.columns, env),
      paint: createPaint(colours),
      colours,
      debug: false,
    };
  };
  let view = EMPTY_VIEW;
  let drawnMs = -REDRAW_EVERY_MS;
  let isOnScreen = false;
  const clear = () => {
    if (isOnScreen) stderr.write(CLEAR_LINE);
    isOnScreen = false;
  };
  return {
    onEvent: (event) => {
      view = reduceView(view, event);
      if (event.type === "note") {
        clear();
        for (const line of noteText(event, false)) stderr.write(`${line}\n`);
      }
      if (event.atMs - drawnMs < REDRAW_EVERY_MS) return;
      drawnMs = event.atMs;
      const [line] = liveLines(view, screen(), { maxLines: 1, nowMs: event.atMs });
      clear();
      if (line === undefined) return;
      stderr.write(line);
      isOnScreen = true;
    },
    finish: () => {
      clear();
      for (const line of transferSummaries(view)) stderr.write(`${line}\n`);
    },
  };
}

/** Docker's words. */
const WORDS: Readonly<Record<Transfer["direction"], Readonly<Record<Transfer["state"], string>>>> = {
  pull: {
    waiting: "Pulling fs layer",
    running: "Downloading",
    retrying: "Retrying",
    done: "Pull complete",
    exists: "Already exists",
  },
  push: {
    waiting: "Preparing",
    running: "Pushing",
    retrying: "Retrying",
    done: "Pushed",
    exists: "Layer already exists",
  },
};

function printLines({ stderr }: CliContext): Show {
  const said = new Map<string, string>();
  return {
    onEvent: (event) => {
      if (event.type === "note") for (const line of noteText(event, false)) stderr.write(`${line}\n`);
      if (event.type !== "transfer" || said.get(event.blob) === event.state) return;
      said.set(event.blob, event.state);
      // How far it is, is said on terminals alone.
      if (event.state === "running") return;
      const note = event.state === "retrying" && event.note !== undefined ? `: ${event.note}` : "";
      stderr.write(`${shortId(event.blob)}: ${WORDS[event.direction][event.state]}${note}\n`);
    },
    finish: () => undefined,
  };
}
