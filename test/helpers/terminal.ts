import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { PROJECT_ROOT } from "./project-root.ts";
import { tempDir } from "./temp-dir.ts";

/** A real terminal (tmux) of a given size, with a shell in it whose `tsbuild` is the built program. */
export interface Terminal extends Disposable {
  type(keys: string, ...more: readonly string[]): void;
  resize(columns: number, rows: number): void;
  /** What is on the screen, and with `history` what has scrolled away above it. */
  screen(options?: { readonly history?: boolean; readonly colours?: boolean }): string;
  /** Resolves to the screen once it matches. */
  shows(pattern: RegExp): Promise<string>;
}

export function openTerminal(
  size: { readonly columns: number; readonly rows: number },
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Terminal {
  const dir = tempDir("terminal");
  const socket = join(dir.path, "tmux.sock");
  const tmux = (...args: readonly string[]) =>
    execFileSync("tmux", ["-S", socket, "-f", "/dev/null", ...args], {
      encoding: "utf8",
      env: { ...process.env, TMUX: "", CI: "", GITHUB_ACTIONS: "" },
    });
  const settings = Object.entries(env)
    .map(([name, value]) => `${name}='${value}'`)
    .join(" ");
  const program = `'${process.execPath}' '${join(PROJECT_ROOT, "dist/tsbuild.cjs")}'`;
  const rc = `cd '${cwd}'; PS1='$ '; tsbuild() { env -u CI -u GITHUB_ACTIONS -u NO_COLOR -u FORCE_COLOR ${settings} ${program} "$@"; }; clear`;
  tmux("new-session", "-d", "-x", String(size.columns), "-y", String(size.rows), "bash --norc");
  tmux("send-keys", rc, "Enter");
  const screen: Terminal["screen"] = ({ history = false, colours = false } = {}) =>
    tmux("capture-pane", "-p", ...(history ? ["-S", "-"] : []), ...(colours ? ["-e"] : []));
  return {
    type: (...keys) => void tmux("send-keys", ...keys),
    resize: (columns, rows) => void tmux("resize-window", "-x", String(columns), "-y", String(rows)),
    screen,
    shows: async (pattern) => {
      for (let tries = 0; tries < 600; tries += 1) {
        const shown = screen({ history: true });
        if (pattern.test(shown)) return shown;
        await pause(50);
      }
      throw new Error(`the terminal never showed ${pattern}:\n${screen()}`);
    },
    [Symbol.dispose]: () => {
      tmux("kill-server");
      dir[Symbol.dispose]();
    },
  };
}
