import { BuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { DockerfileAst } from "../dockerfile/ast.ts";
import { type CheckSettings, checkSettings, unknownRules } from "../lint/check-settings.ts";
import type { StageChecks } from "../lint/check-stages.ts";
import type { Finding } from "../lint/finding-list.ts";
import { Lint } from "../lint/lint.ts";
import { docsOf, RULES } from "../lint/rules.ts";
import type { PlanOptions } from "../plan/types.ts";

export interface BuildChecks {
  /** The rest, once the bases are found: told before planning, which may end the build. */
  follow(known: Omit<StageChecks, "ast" | "buildArgs">): void;
  /** Throws `lint/violations` where findings are to fail the build. */
  finish(): void;
}

/**
 * The checks of a build: what the text alone shows is told at once, so that it is said even where a base cannot be found. All
 * of it is read from what is parsed already, since a cached build pays for it too. Throws `dockerfile/bad-directive`.
 */
export function checkBuild(ast: DockerfileAst, options: PlanOptions, emit: EmitEvent): BuildChecks {
  const { buildArgs } = options;
  const settings = checkSettings(ast, buildArgs);
  for (const text of unknownRules(settings)) emit({ type: "note", level: "info", text });
  const lint = new Lint(ast, options, settings);
  const told = new Set<Finding>();
  const tell = () => {
    for (const finding of lint.findings()) {
      if (told.has(finding)) continue;
      told.add(finding);
      const { rule, detail, at } = finding;
      emit({
        type: "check-warning",
        rule,
        message: detail,
        description: RULES[rule].description,
        docs: docsOf(rule),
        ...at,
      });
    }
  };
  tell();
  return {
    follow: (known) => {
      lint.checkStages({ ast, buildArgs, ...known });
      tell();
    },
    finish: () => {
      const error = violations(lint.findings(), settings);
      if (error !== undefined) throw error;
    },
  };
}

/** The error that `error=true` asks for; undefined where nothing was found. */
export function violations(findings: readonly Finding[], settings: CheckSettings): BuildError | undefined {
  const [first] = findings;
  if (!settings.error || first === undefined) return undefined;
  const rules = [...new Set(findings.map(({ rule }) => rule))];
  return new BuildError("lint/violations", `build checks found something: ${rules.join(", ")}`, {
    at: first.at,
    hint: "Mend it, or take error=true out of the check directive. Every finding in its place: tsbuild check",
  });
}
