/** What is wrong with a word, in a few words; expand.ts makes it an error for people. */
export class LexError extends Error {
  override readonly name = "LexError";
}
