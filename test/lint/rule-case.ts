import type { LintedText } from "./lint-text.ts";

export interface RuleCase extends LintedText {
  readonly name: string;
  readonly text: string;
  /** `Rule line marked-text`, in the order of the file. */
  readonly finds: readonly string[];
}

/** Lines in it are no instructions. */
export const HEREDOC = "RUN <<EOF\necho $undefined\ncopy me\nEOF\n";
