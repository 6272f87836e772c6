import { createEngine, isBuildError } from "tsbuild";

const [home = "store", context = ".", tag = "example:latest"] = process.argv.slice(2);

await using engine = await createEngine({ home });
const build = engine.build({ context, tags: [tag] });
try {
  for await (const event of build.events) {
    if (event.type === "step-finished") console.log(event.result.padEnd(5), event.row);
  }
  const result = await build.result;
  console.log(`${tag} ${result.image?.id}`);
  for (const step of (await engine.explain(result.id)).steps) {
    for (const change of step.changes) console.log(`  ${step.instruction}: ${change.kind} ${change.subject}`);
  }
} catch (error) {
  if (!isBuildError(error)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
