import { displayWidth } from "../src/progress/display-width.ts";

/** Text with SGR colours (ECMA-48 8.3.117), as `tmux capture-pane -e` gives it, drawn as an SVG of a dark terminal. */
export function drawTerminal(captured: string, columns: number): string {
  const lines = captured.replace(/\n+$/, "").split("\n");
  const width = columns * CELL.width + 2 * MARGIN;
  const height = lines.length * CELL.height + 2 * MARGIN;
  const state: Style = {};
  const rows = lines.map((line, index) => drawLine(line, MARGIN + (index + 1) * CELL.height - 5, state));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>`,
    `<g font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="${FOREGROUND}">`,
    ...rows.flat(),
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}

interface Style {
  colour?: string | undefined;
  bold?: boolean;
  dim?: boolean;
}

const CELL = { width: 8.4, height: 20 };
const MARGIN = 16;
const BACKGROUND = "#16181d";
const FOREGROUND = "#d7dae0";
/** The eight colours and their bright forms. */
const PALETTE = [
  ..."#5c6370 #e06c75 #98c379 #e5c07b #61afef #c678dd #56b6c2 #d7dae0".split(" "),
  ..."#7f848e #ff7b86 #b5e890 #ffd68a #7fc1ff #dd8ef5 #6fd3df #ffffff".split(" "),
];

/**
 * Each run of words in one style is placed by its column, so that a font of another width does not shift what follows; two
 * blanks end a run, because viewers make one of them.
 */
function drawLine(line: string, y: number, style: Style): readonly string[] {
  const drawn: string[] = [];
  let column = 0;
  for (const part of line.split(/(\u001b\[[\d;]*m)/)) {
    const codes = /^\u001b\[([\d;]*)m$/.exec(part)?.[1];
    if (codes !== undefined) {
      applyCodes(style, codes.split(";").map(Number));
      continue;
    }
    for (const words of part.matchAll(/\S+(?: \S+)*/g)) {
      const before = displayWidth(part.slice(0, words.index));
      drawn.push(drawWords(words[0], MARGIN + (column + before) * CELL.width, y, style));
    }
    column += displayWidth(part);
  }
  return drawn;
}

function drawWords(words: string, x: number, y: number, style: Style): string {
  const shown = words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const attributes = [
    `x="${x.toFixed(1)}"`,
    `y="${y}"`,
    `textLength="${(displayWidth(words) * CELL.width).toFixed(1)}"`,
    ...(style.colour === undefined ? [] : [`fill="${style.colour}"`]),
    ...(style.bold === true ? ['font-weight="bold"'] : []),
    ...(style.dim === true ? ['opacity="0.6"'] : []),
  ];
  return `<text ${attributes.join(" ")}>${shown}</text>`;
}

function applyCodes(style: Style, codes: number[]): void {
  for (let code = codes.shift(); code !== undefined; code = codes.shift()) {
    if (code === 0) Object.assign(style, { colour: undefined, bold: false, dim: false });
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 22) Object.assign(style, { bold: false, dim: false });
    else if (code >= 30 && code <= 37) style.colour = PALETTE[code - 30];
    else if (code >= 90 && code <= 97) style.colour = PALETTE[code - 82];
    else if (code === 39) style.colour = undefined;
    else if (code === 38) style.colour = extendedColour(codes);
    else if (code === 48) extendedColour(codes);
  }
}

/** `5;N` of the 256, or `2;R;G;B`; takes its numbers off the list. */
function extendedColour(codes: number[]): string {
  if (codes.shift() === 2) {
    const [red = 0, green = 0, blue = 0] = codes.splice(0, 3);
    return `rgb(${red},${green},${blue})`;
  }
  const index = codes.shift() ?? 7;
  if (index < 16) return PALETTE[index] ?? FOREGROUND;
  if (index >= 232)
    return `rgb(${Array(3)
      .fill((index - 232) * 10 + 8)
      .join(",")})`;
  const cube = index - 16;
  return `rgb(${level(Math.floor(cube / 36))},${level(Math.floor(cube / 6) % 6)},${level(cube % 6)})`;
}

/** One of the six steps of the colour cube. */
function level(step: number): number {
  return step === 0 ? 0 : 55 + step * 40;
}
