/** A piece of the file for a message: in quotes, and never longer than a line. */
export function quote(text: string): string {
  return text.length > 60 ? `"${text.slice(0, 60)}…"` : `"${text}"`;
}
