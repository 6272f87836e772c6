/** A place in a text file. Lines and columns are 1-based; `endColumn` is exclusive. Columns count UTF-16 units. */
export interface SourceRange {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** A text file that errors may point into. */
export interface SourceText {
  /** As the person named it: `Dockerfile`, `docker/app.Dockerfile`, `-`. */
  readonly name: string;
  readonly text: string;
}
