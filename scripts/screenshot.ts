/**
 * `node scripts/screenshot.ts OUT.svg [--columns 100] [--rows 24] [--wait TEXT] -- COMMAND…`: runs a command in a real
 * terminal (tmux) and draws what stands on the screen at its end as an SVG: the picture in the README.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { drawTerminal } from "./terminal-svg.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    columns: { type: "string", default: "100" },
    rows: { type: "string", default: "24" },
    wait: { type: "string" },
  },
});
const [out, ...command] = positionals;
if (out === undefined || command.length === 0)
  throw new Error("usage: screenshot.ts OUT.svg [options] -- COMMAND…");

const folder = mkdtempSync(join(tmpdir(), "tsbuild-screenshot-"));
const socket = join(folder, "tmux");
const done = "the-end-of-the-command";
try {
  const shown = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const line = `${shown}; tput civis; tmux -S ${socket} set-option -g @state ${done}; sleep 600`;
  const size = ["-x", values.columns, "-y", values.rows];
  tmux(
    "-f",
    "/dev/null",
    "new-session",
    "-d",
    ...size,
    "-e",
    "FORCE_COLOR=3",
    "-e",
    "COLORTERM=truecolor",
    line,
  );
  await untilReady();
  writeFileSync(out, drawTerminal(tmux("capture-pane", "-e", "-p"), Number(values.columns)));
} finally {
  tmux("kill-server");
  rmSync(folder, { recursive: true, force: true });
}

/** Ready at the end of the command, or as soon as the text of `--wait` is on the screen. */
async function untilReady(): Promise<void> {
  for (let tries = 0; tries < 2400; tries += 1) {
    const screen = tmux("capture-pane", "-p");
    if (
      values.wait === undefined
        ? tmux("show-options", "-gqv", "@state").trim() === done
        : screen.includes(values.wait)
    )
      return;
    await pause(50);
  }
  throw new Error("the command did not end within two minutes");
}

function tmux(...args: readonly string[]): string {
  return execFileSync("tmux", ["-S", socket, ...args], { encoding: "utf8" });
}
