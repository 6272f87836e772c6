/**
 * `npm run fuzz [-- --target dockerfile|dockerignore|tar|all --seconds 600 --seed N --out DIR]`: mutated inputs against our
 * readers, `seconds` for each target. What is found is made small, written to the folder, and printed. Exit code 1 for any.
 * `--input FILE --target T` reads one file again.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Finding, replay, runCampaign } from "./campaign.ts";
import { TARGETS, type TargetName } from "./target.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "all" },
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    out: { type: "string", default: "fuzz-findings" },
    input: { type: "string" },
  },
});
const LIMITS = { hangMs: 10_000, slowMs: 1500, heapMb: 512, maxFindings: 20, maxTries: 300 };
const seed = Number(values.seed);
let found = 0;

if (values.input !== undefined) {
  const [target = "dockerfile"] = chosen(values.target);
  const finding = await replay(readFileSync(values.input), {
    ...LIMITS,
    target,
    seed,
    maxRuns: 1,
    seconds: 60,
  });
  if (finding === undefined) console.log("It is read as it should be.");
  else report(target, finding, false);
} else {
  for (const target of chosen(values.target)) {
    const { runs, findings } = await runCampaign({
      ...LIMITS,
      target,
      seed,
      maxRuns: 0,
      seconds: Number(values.seconds),
    });
    console.log(`${target}: ${runs} inputs from seed ${seed}, ${findings.length} found`);
    for (const finding of findings) report(target, finding, true);
  }
}
process.exitCode = found > 0 ? 1 : 0;

function chosen(name: string): readonly TargetName[] {
  if (name === "all") return ["dockerfile", "dockerignore", "tar"];
  const known = Object.keys(TARGETS) as TargetName[];
  const target = known.find((each) => each === name);
  if (target === undefined) throw new Error(`--target ${name}: one of ${known.join(", ")}, all`);
  return [target];
}

function report(target: TargetName, finding: Finding, isNew: boolean): void {
  found += 1;
  console.log(`  ${finding.kind} at ${finding.place}: ${finding.what}`);
  console.log(`    ${JSON.stringify(finding.input.toString("latin1").slice(0, 200))}`);
  if (!isNew) return;
  mkdirSync(values.out, { recursive: true });
  const name = `${target}-${createHash("sha256").update(finding.input).digest("hex").slice(0, 12)}`;
  writeFileSync(join(values.out, name), finding.input);
  console.log(`    npm run fuzz -- --target ${target} --input ${join(values.out, name)}`);
}
