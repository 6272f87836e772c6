/** A pattern that Docker refuses. `pattern` is the byte string as given; callers turn this into a BuildError with a place. */
export class BadPatternError extends Error {
  override readonly name = "BadPatternError";
  readonly pattern: string;

  constructor(pattern: string, message = "syntax error in pattern") {
    super(message);
    this.pattern = pattern;
  }
}
