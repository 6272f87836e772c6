/** Names and values as in process.env. */
export type Environment = Readonly<Record<string, string | undefined>>;

const MODES = ["auto", "tty", "plain", "quiet", "json", "rawjson"] as const;
/** What `--progress` takes. */
export type ProgressMode = (typeof MODES)[number];

export interface ProgressChoice {
  readonly mode: Exclude<ProgressMode, "auto">;
  readonly colours: boolean;
  /** Plain with GitHub's groups and annotations. */
  readonly github: boolean;
}

export function parseProgressMode(text: string): ProgressMode | undefined {
  return MODES.find((mode) => mode === text);
}

/**
 * What to show, and how. `auto` is BUILDKIT_PROGRESS if that is set, else the live display on a terminal that is neither dumb nor a CI
 * log, else plain. `tty` without a terminal is plain: there is nothing to draw on. `isTTY` is that of the stream written to.
 */
export function chooseProgress(
  asked: ProgressMode,
  { isTTY, env }: { readonly isTTY: boolean; readonly env: Environment },
): ProgressChoice {
  const mode = asked === "auto" ? (parseProgressMode(env["BUILDKIT_PROGRESS"] ?? "") ?? "auto") : asked;
  const canDraw = isTTY && env["TERM"] !== "dumb";
  const chosen =
    mode === "auto" ? (canDraw && !isCi(env) ? "tty" : "plain") : mode === "tty" && !canDraw ? "plain" : mode;
  return {
    mode: chosen,
    colours: chooseColours({ isTTY, env }),
    github: chosen === "plain" && env["GITHUB_ACTIONS"] === "true",
  };
}

/** FORCE_COLOR decides where it is set (0 and false say no), then NO_COLOR, then whether it is a terminal that can. */
export function chooseColours({
  isTTY,
  env,
}: {
  readonly isTTY: boolean;
  readonly env: Environment;
}): boolean {
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  const refused = env["NO_COLOR"];
  if (refused !== undefined && refused !== "") return false;
  return isTTY && env["TERM"] !== "dumb";
}

/** Columns to write in: the terminal's, fewer where COLUMNS says so, 80 where nobody knows. */
export function chooseColumns(terminal: number | undefined, env: Environment): number {
  const asked = /^[1-9]\d{0,3}$/.test(env["COLUMNS"] ?? "") ? Number(env["COLUMNS"]) : undefined;
  if (terminal === undefined || terminal < 1) return asked ?? 80;
  return Math.min(terminal, asked ?? terminal);
}

function isCi(env: Environment): boolean {
  return [env["CI"], env["CONTINUOUS_INTEGRATION"]].some(
    (value) => value !== undefined && value !== "" && value !== "0" && value !== "false",
  );
}
