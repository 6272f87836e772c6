import type { SourceRange } from "../core/source-range.ts";
import { findSeparator } from "../dockerfile/words.ts";
import { type CheckSettings, isOn, settingsUnder } from "./check-settings.ts";
import type { RuleName } from "./rules.ts";

/** One thing that a check found. */
export interface Finding {
  readonly rule: RuleName;
  readonly detail: string;
  /** The word it is about; the keyword's place where no single word is. */
  readonly at: SourceRange;
  /** The lines that BuildKit blames: those of the whole instruction, 1-based, both inclusive. */
  readonly lines: LineRange;
}

/** 1-based, both inclusive. */
export interface LineRange {
  readonly start: number;
  readonly end: number;
}

/** What a finding is about: an instruction, or a part of the file like one. */
export interface Subject {
  readonly at: SourceRange;
  readonly source: string;
  readonly comments: readonly string[];
}

/** Lines looked through for a word from where the last one was found: an instruction of 100,000 lines must not cost their square. */
const SEARCH_LINES = 50;

/** Collects findings: drops those of rules that are off, finds the word that each is about. */
export class FindingList {
  readonly settings: CheckSettings;
  readonly #text: string;
  readonly #findings: Finding[] = [];
  #lines: readonly string[] | undefined;
  #cursor: { readonly subject: Subject; line: number; column: number } | undefined;

  constructor(text: string, settings: CheckSettings) {
    this.#text = text;
    this.settings = settings;
  }

  /** In the order of the file; those of one place in the order found. */
  sorted(): readonly Finding[] {
    return this.#findings.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
  }

  get size(): number {
    return this.#findings.length;
  }

  /** `find`, a pattern with the flag `g`, says which word of the subject it is. A `# check=` above the subject may silence it. */
  report(rule: RuleName, detail: string, subject: Subject, find?: RegExp): void {
    if (isOn(rule, settingsUnder(subject.comments, this.settings))) this.add(rule, detail, subject, find);
  }

  /** The same for rules that look at the file as a whole: comments above an instruction do not concern them. */
  reportWhole(rule: RuleName, detail: string, subject: Subject, find?: RegExp): void {
    if (isOn(rule, this.settings)) this.add(rule, detail, subject, find);
  }

  /** Where the place is known already. */
  reportAt(rule: RuleName, detail: string, at: SourceRange, lines: LineRange): void {
    if (isOn(rule, this.settings)) this.#findings.push({ rule, detail, at, lines });
  }

  private add(rule: RuleName, detail: string, subject: Subject, find: RegExp | undefined): void {
    const { at } = subject;
    const found = find === undefined ? undefined : this.#find(subject, find);
    this.#findings.push({
      rule,
      detail,
      at: found ?? keywordOf(subject),
      lines: { start: at.line, end: at.endLine },
    });
  }

  /** The next place of the word behind the last one found in this subject, else its first. */
  #find(subject: Subject, find: RegExp): SourceRange | undefined {
    const { at } = subject;
    const cursor = this.#cursor?.subject === subject ? this.#cursor : undefined;
    const found =
      (cursor === undefined ? undefined : this.#search(subject, cursor, find)) ??
      this.#search(subject, { line: at.line, column: at.column }, find);
    if (found !== undefined) this.#cursor = { subject, line: found.line, column: found.endColumn };
    return found;
  }

  #search(
    { at }: Subject,
    from: { readonly line: number; readonly column: number },
    find: RegExp,
  ): SourceRange | undefined {
    this.#lines ??= this.#text.replace(/^\uFEFF/, "").split("\n");
    const last = Math.min(at.endLine, from.line + SEARCH_LINES);
    for (let line = from.line; line <= last; line += 1) {
      find.lastIndex = line === from.line ? from.column - 1 : 0;
      const match = find.exec(this.#lines[line - 1] ?? "");
      if (match === null || match[0] === "") continue;
      const column = match.index + 1;
      return { line, column, endLine: line, endColumn: column + match[0].length };
    }
    return undefined;
  }
}

function keywordOf({ at, source }: Subject): SourceRange {
  const keyword = writtenKeyword(source);
  return { line: at.line, column: at.column, endLine: at.line, endColumn: at.column + keyword.length };
}

/** The keyword of an instruction as it stands in the file. */
export function writtenKeyword(source: string): string {
  return source.slice(0, findSeparator(source, 0, source.length));
}

/** A pattern of more than this is refused by V8 long before a Dockerfile's line ends. */
const MAX_PATTERN = 1000;

/** A pattern for a piece of text as it stands; for the beginning of a very long one. */
export function literally(text: string): RegExp {
  return new RegExp(text.slice(0, MAX_PATTERN).replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "g");
}
