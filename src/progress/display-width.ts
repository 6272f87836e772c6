/**
 * How many terminal columns a text takes. Colours (SGR sequences) count nothing; other control characters must be gone
 * (safe-text.ts). Where terminals differ, the wider answer: a line cut too early is whole, one cut too late breaks the screen.
 */

/** East Asian Wide and Fullwidth (Unicode 16, EastAsianWidth.txt) and what is drawn as an emoji without being asked. */
const WIDE =
  /[\p{Emoji_Presentation}\u{1100}-\u{115f}\u{2329}\u{232a}\u{2630}-\u{2637}\u{268a}-\u{268f}\u{2e80}-\u{303e}\u{3041}-\u{3247}\u{3250}-\u{a4cf}\u{a960}-\u{a97c}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{fe10}-\u{fe19}\u{fe30}-\u{fe6f}\u{ff01}-\u{ff60}\u{ffe0}-\u{ffe6}\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1d300}-\u{1d376}\u{1f200}-\u{1f265}\u{20000}-\u{3fffd}]/u;
const ZERO = /[\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}\u{1160}-\u{11ff}]/u;
/** A cluster of several characters that is drawn as one picture: joined, coloured, flags, keycaps. (\p{RGI_Emoji} costs 17 ms to compile.) */
const PICTURE = /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2}|[0-9#*]\ufe0f?\u20e3)/u;
const TEXT_STYLE = "\ufe0e";
/** One column a character: ASCII, Latin letters, and the marks and lines that our own rows are drawn with. */
const NARROW = /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u2010-\u2027\u2190-\u21ff\u2500-\u259f]*$/;
const SGR = /\x1b\[[\d;:]*m/g;
const SGR_OR_TEXT = /\x1b\[[\d;:]*m|[^\x1b]+|\x1b/g;
const RESET = "\x1b[0m";
const TAB_STOP = 8;

/** Made when first needed: it costs 10 ms, as much as a cached build has to give. */
let segmenter: Intl.Segmenter | undefined;

export function displayWidth(text: string): number {
  const plain = text.includes("\x1b") ? text.replace(SGR, "") : text;
  if (NARROW.test(plain)) return plain.length;
  let width = 0;
  for (const { segment } of segmentsOf(plain)) width += graphemeWidth(segment);
  return width;
}

/** The text, or its beginning and `…`, in at most `columns` columns. Colours that were open are closed. */
export function cutToWidth(text: string, columns: number): string {
  // A huge line is never measured whole: only what can fit is walked.
  if (text.length <= columns && displayWidth(text) <= columns) return text;
  if (columns <= 0) return "";
  let kept = "";
  let width = 0;
  let coloured = false;
  for (const [token] of text.matchAll(SGR_OR_TEXT)) {
    if (token.startsWith("\x1b")) {
      kept += token;
      coloured = true;
      continue;
    }
    const room = columns - width;
    const part = takeColumns(token, room);
    kept += part.text;
    width += part.width;
    if (part.text.length === token.length) continue;
    return `${takeBack(kept, width, columns - 1)}…${coloured ? RESET : ""}`;
  }
  return kept;
}

/** The end of the text in at most `columns` columns, `…` before it where something was cut. No colours. */
export function cutStartToWidth(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns <= 0) return "";
  const parts = Array.from(segmentsOf(text), ({ segment }) => segment);
  let width = 1;
  let first = parts.length;
  while (first > 0) {
    const next = graphemeWidth(parts[first - 1] ?? "");
    if (width + next > columns) break;
    width += next;
    first -= 1;
  }
  return `…${parts.slice(first).join("")}`;
}

/** Spaces behind the text up to `columns`. */
export function padToWidth(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

/** Tabs to spaces as a terminal shows them where the text begins at `startColumn` (0-based). */
export function expandTabs(text: string, startColumn = 0): string {
  if (!text.includes("\t")) return text;
  let column = startColumn;
  return text
    .split("\t")
    .map((part, index, parts) => {
      column += displayWidth(part);
      if (index === parts.length - 1) return part;
      const gap = TAB_STOP - (column % TAB_STOP);
      column += gap;
      return part + " ".repeat(gap);
    })
    .join("");
}

function takeColumns(text: string, columns: number): { text: string; width: number } {
  // One character more than fits: what follows must not be part of the last one.
  if (NARROW.test(text.slice(0, columns + 1))) {
    const taken = text.slice(0, Math.max(0, columns));
    return { text: taken, width: taken.length };
  }
  let width = 0;
  let end = 0;
  for (const { segment } of segmentsOf(text)) {
    const next = graphemeWidth(segment);
    if (width + next > columns) break;
    width += next;
    end += segment.length;
  }
  return { text: text.slice(0, end), width };
}

/** Drops graphemes from the end until the text has room for the ellipsis. The last token is never a colour here. */
function takeBack(text: string, width: number, columns: number): string {
  let kept = text;
  let left = width;
  while (left > columns) {
    const last = lastGrapheme(kept);
    if (last === "") return kept;
    if (last === "m" && /\x1b\[[\d;:]*m$/.test(kept)) {
      kept = kept.replace(/\x1b\[[\d;:]*m$/, "");
      continue;
    }
    left -= graphemeWidth(last);
    kept = kept.slice(0, kept.length - last.length);
  }
  return kept;
}

function lastGrapheme(text: string): string {
  const end = text.slice(-1);
  if (NARROW.test(end)) return end;
  return Array.from(segmentsOf(text.slice(-64)), ({ segment }) => segment).at(-1) ?? "";
}

function segmentsOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter("en", { granularity: "grapheme" });
  return segmenter.segment(text);
}

function graphemeWidth(grapheme: string): number {
  if (grapheme.length === 1 && NARROW.test(grapheme)) return 1;
  if (grapheme.length > 1 && PICTURE.test(grapheme) && isCluster(grapheme)) return 2;
  let width = 0;
  for (const character of grapheme) width += characterWidth(character);
  return width;
}

/** More than one character, and not asked to be drawn as text. */
function isCluster(grapheme: string): boolean {
  const [first = ""] = grapheme;
  return grapheme.length > first.length && !grapheme.endsWith(TEXT_STYLE);
}

function characterWidth(character: string): number {
  if (ZERO.test(character)) return character === "\u00ad" ? 1 : 0;
  return WIDE.test(character) ? 2 : 1;
}
