/**
 * `npm run hello`: a base image out of this machine's programs, examples/hello built on it, built again with every step a
 * HIT, and run. Ends with 1 where anything is not as it should be.
 */
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PROGRAM = join(ROOT, "dist/tsbuild.cjs");
const HOME = process.env["TSBUILD_HOME"] ?? join(ROOT, "cache");

show("base", "create", "base");
show("-t", "hello:1.0.0", "examples/hello");
checkHits(captured("-t", "hello:1.0.0", "examples/hello"));
checkGreeting(captured("run", "--rm", "hello:1.0.0"));
console.log("\nEdit examples/hello/app.sh, run this again, and `npx tsbuild explain` says what moved.");

/** A command as a person would see it. */
function show(...args: readonly string[]): void {
  announce(args);
  const { status } = run(args, "inherit");
  if (status !== 0) process.exit(status ?? 1);
}

function captured(...args: readonly string[]): string {
  announce(args);
  const { status, stdout, stderr } = run(args, "pipe");
  if (status === 0) return `${stderr}${stdout}`;
  process.stderr.write(`${stdout}${stderr}`);
  return process.exit(status ?? 1);
}

function checkHits(output: string): void {
  process.stdout.write(output);
  if (!/^ HIT /mu.test(output) || /^ (?:MISS|FAIL|run) /mu.test(output))
    fail("built again, every step should be a HIT");
}

function checkGreeting(output: string): void {
  process.stdout.write(output);
  if (output !== "Hello, World!\n") fail("it should have said: Hello, World!");
}

function announce(args: readonly string[]): void {
  console.log(`\n$ tsbuild ${args.join(" ")}`);
}

function run(args: readonly string[], output: "inherit" | "pipe") {
  return spawnSync(process.execPath, [PROGRAM, ...args], {
    cwd: ROOT,
    env: { ...process.env, TSBUILD_HOME: HOME },
    stdio: ["ignore", output, output],
    encoding: "utf8",
  });
}

function fail(message: string): never {
  console.error(`npm run hello: ${message}`);
  process.exit(1);
}
