import type { BuildError } from "../core/errors.ts";
import type { SourceText } from "../core/source-range.ts";
import type { Finding, LineRange } from "./finding-list.ts";
import type { Outline, OutlineMount } from "./outline.ts";
import { docsOf, RULES } from "./rules.ts";
import type { Target } from "./targets.ts";

/** Of BuildKit's subrequests, whose shapes these documents have (frontend/subrequests: lint, outline, targets). */
const VERSION = "1.0.0";

/** `--call=check,format=json`. Places are lines: of the whole instruction, as BuildKit gives them. */
export function lintDocument(
  findings: readonly Finding[],
  source: SourceText,
  error: BuildError | undefined,
): object {
  const at = error?.details.at;
  return {
    version: VERSION,
    warnings: findings.map(({ rule, detail, lines }) => ({
      ruleName: rule,
      description: RULES[rule].description,
      url: docsOf(rule),
      detail,
      location: locationOf(lines),
    })),
    sources: [{ filename: source.name, language: "Dockerfile", data: base64(source.text) }],
    ...(error === undefined
      ? {}
      : {
          buildError: {
            message: error.message,
            location: at === undefined ? {} : locationOf({ start: at.line, end: at.endLine }),
          },
        }),
  };
}

/** `--call=outline,format=json`. What is empty is left out. */
export function outlineDocument(outline: Outline, source: SourceText): object {
  const { name, description, args, secrets, ssh, caches } = outline;
  return {
    ...filled({ name, description }),
    ...list(
      "args",
      args.map(({ name: arg, value, description: text, lines }) => ({
        name: arg,
        ...filled({ description: text, value }),
        location: locationOf(lines),
      })),
    ),
    ...list("secrets", secrets.map(mountOf)),
    ...list("ssh", ssh.map(mountOf)),
    ...list(
      "cache",
      caches.map((cache) => ({ ID: cache.name, location: locationOf(cache.lines) })),
    ),
    sources: [base64(source.text)],
  };
}

function mountOf({ name, isRequired, lines }: OutlineMount): object {
  return { name, ...(isRequired ? { required: true } : {}), location: locationOf(lines) };
}

/** `--call=targets,format=json`. */
export function targetsDocument(targets: readonly Target[], source: SourceText): object {
  return {
    targets: targets.map(({ name, isDefault, description, base, platform, lines }) => ({
      ...filled({ name }),
      ...(isDefault ? { default: true } : {}),
      ...filled({ description, base, platform }),
      location: locationOf(lines),
    })),
    sources: [base64(source.text)],
  };
}

function locationOf({ start, end }: LineRange): object {
  return { ranges: [{ start: { line: start }, end: { line: end } }] };
}

function filled(fields: Readonly<Record<string, string | undefined>>): object {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== ""),
  );
}

function list(name: string, items: readonly object[]): object {
  return items.length === 0 ? {} : { [name]: items };
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
