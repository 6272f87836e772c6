import type { DockerfileAst } from "../dockerfile/ast.ts";
import type { PlanOptions } from "../plan/types.ts";
import { checkFroms } from "./check-from.ts";
import type { CheckSettings } from "./check-settings.ts";
import { checkStages, type StageChecks } from "./check-stages.ts";
import { checkEach, checkText } from "./check-text.ts";
import { type Finding, FindingList } from "./finding-list.ts";

/** The checks of one Dockerfile, in the two halves in which a build comes to know it. Never throws. */
export class Lint {
  readonly #list: FindingList;
  readonly #isOff: boolean;

  /** Text, stage names and FROM: no image is needed for these. */
  constructor(ast: DockerfileAst, options: PlanOptions, settings: CheckSettings) {
    this.#list = new FindingList(ast.text, settings);
    this.#isOff = isAllOff(settings);
    if (this.#isOff) return;
    checkText(ast, this.#list);
    checkFroms(ast, options, this.#list);
  }

  /** The instructions of needed stages, once the images below them are known. */
  checkStages(checks: StageChecks): void {
    if (!this.#isOff) checkStages(checks, this.#list);
  }

  /** In the order of the file. */
  findings(): readonly Finding[] {
    return this.#list.sorted();
  }
}

/** What can be found in the beginning of a file that cannot be read to its end. */
export function lintBeginning(ast: DockerfileAst, settings: CheckSettings): readonly Finding[] {
  const list = new FindingList(ast.text, settings);
  if (!isAllOff(settings)) checkEach(ast, list);
  return list.sorted();
}

function isAllOff({ skip, experimental }: CheckSettings): boolean {
  return skip === "all" && experimental !== "all" && experimental.size === 0;
}
