import type { EmitEvent } from "../core/events.ts";
import type { DockerfileAst } from "../dockerfile/ast.ts";
import type { BuildOptions } from "./types.ts";
import type { Workshop } from "./workshop.ts";

/** What `--debug` tells of a build's beginnings: which executor runs its commands and why, and where a second reader disagrees. */
export async function debugNotes(
  ast: DockerfileAst,
  options: BuildOptions,
  { shop, emit }: { readonly shop: Workshop; readonly emit: EmitEvent },
): Promise<void> {
  const say = (text: string) => emit({ type: "note", level: "debug", text });
  const { checkStructure } = await import("../dockerfile/structure-check.ts");
  for (const { what, index, ours, theirs } of await checkStructure(ast)) {
    const line = ours?.at.line ?? theirs?.at.line ?? 0;
    say(
      `line ${line}: dockerfile-ast reads the ${what} of instruction ${index + 1} otherwise ` +
        `(${theirs?.keyword ?? "nothing"}, here ${ours?.keyword ?? "nothing"}); ours is used`,
    );
  }
  const { needsUserNamespace } = await import("../host/user-namespace.ts");
  if (needsUserNamespace()) return;
  const { chooseExecutor } = await import("../executor/choose-executor.ts");
  const { why } = await chooseExecutor(options.executor ?? "auto", shop.home);
  say(`executor ${why}`);
}
