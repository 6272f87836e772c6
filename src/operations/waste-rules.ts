import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import { parseDiskSize } from "../core/disk-size.ts";
import { BuildError } from "../core/errors.ts";
import { DEFAULT_RULES, judge, type Verdict, type WasteRules } from "../explore/judge.ts";
import type { AnalyzedImage } from "./analyze-image.ts";

export type RuleName = keyof WasteRules;

export const RULE_NAMES: readonly RuleName[] = [
  "lowestEfficiency",
  "highestWastedBytes",
  "highestUserWastedPercent",
];

export type { Verdict } from "../explore/judge.ts";

export function judgeImage({ numbers }: AnalyzedImage, rules: WasteRules): readonly Verdict[] {
  return judge(numbers, rules);
}

/**
 * The thresholds of dive's defaults, a rule file of dive's form (`rules:` and a value a name; `disabled` takes one away), and what was
 * given by hand, the last of these first. Throws `cli/usage` for what cannot be read.
 */
export function readWasteRules(
  file: string | undefined,
  given: Readonly<Partial<Record<RuleName, string | undefined>>>,
): WasteRules {
  const written = file === undefined ? {} : readRuleFile(file);
  const pick = (name: RuleName) => {
    const text = given[name] ?? written[name];
    return text === undefined ? DEFAULT_RULES[name] : parseRule(name, text);
  };
  return {
    lowestEfficiency: pick("lowestEfficiency"),
    highestWastedBytes: pick("highestWastedBytes"),
    highestUserWastedPercent: pick("highestUserWastedPercent"),
  };
}

function readRuleFile(file: string): Partial<Record<RuleName, string>> {
  const rules = rulesOf(parseFile(file));
  if (rules === undefined)
    throw usage(`${file} has no rules`, "It begins with a line rules: and has a name and a value a line.");
  const unknown = Object.keys(rules).find((name) => !isRuleName(name));
  if (unknown !== undefined)
    throw usage(`${file}: ${unknown} is not a rule`, `The rules are ${RULE_NAMES.join(", ")}.`);
  return Object.fromEntries(Object.entries(rules).map(([name, value]) => [name, String(value)]));
}

function parseFile(file: string): unknown {
  try {
    return parseYaml(readFileSync(file, "utf8")) as unknown;
  } catch (error) {
    throw usage(
      `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`,
      "It is YAML.",
    );
  }
}

function rulesOf(document: unknown): Record<string, unknown> | undefined {
  if (typeof document !== "object" || document === null || !("rules" in document)) return undefined;
  const { rules } = document;
  return typeof rules === "object" && rules !== null ? { ...rules } : undefined;
}

function isRuleName(name: string): name is RuleName {
  return RULE_NAMES.some((each) => each === name);
}

function parseRule(name: RuleName, text: string): number | undefined {
  if (text === "disabled") return undefined;
  const value = name === "highestWastedBytes" ? parseDiskSize(text) : parseShare(text);
  if (value !== undefined) return value;
  const form = name === "highestWastedBytes" ? "a size such as 20MB" : "a number from 0 to 1";
  throw usage(`${name}: "${text}" is not ${form}`, `Write ${form}, or disabled.`);
}

function parseShare(text: string): number | undefined {
  const value = Number(text);
  return /^[\d.]+$/.test(text) && value >= 0 && value <= 1 ? value : undefined;
}

function usage(message: string, hint: string): BuildError {
  return new BuildError("cli/usage", message, { hint });
}
