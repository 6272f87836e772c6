/**
 * `count-tests.ts REPORT.json EXIT_CODE`: prints `PASSED FAILED` of a vitest run. A run that ended badly without one failed
 * test (a crash, an unhandled rejection, no report at all) counts as one failure.
 */
import { existsSync, readFileSync } from "node:fs";

const [path = "", code = "1"] = process.argv.slice(2);
const report = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>) : {};
const passed = Number(report["numPassedTests"] ?? 0);
const failed = Number(report["numFailedTests"] ?? 0);
console.log(passed, failed === 0 && code !== "0" ? 1 : failed);
