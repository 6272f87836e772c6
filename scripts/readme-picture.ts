/** `npm run picture`: docs/build.svg, the README's picture: a real build after one edit, and its explanation. */
import { execFileSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "tsbuild-picture-"));
const project = join(folder, "hello");
const env = { ...process.env, TSBUILD_HOME: join(folder, "store") };
const program = `'${process.execPath}' '${join(ROOT, "dist/tsbuild.cjs")}'`;

try {
  cpSync(join(ROOT, "examples/hello"), project, { recursive: true });
  tsbuild("base", "create", "base");
  tsbuild("-q", "-t", "hello:1.0.0", ".");
  appendFileSync(join(project, "app.sh"), 'echo "Good to see you."\n');
  const session = join(folder, "session.sh");
  const typed = ["-t hello:1.0.0 .", "explain", "run hello:1.0.0"];
  const lines = typed.map(
    (args) => `printf '\\033[1m$ tsbuild ${args}\\033[0m\\n'; ${program} ${args}; echo`,
  );
  writeFileSync(session, `cd '${project}'\nexport TSBUILD_HOME='${env.TSBUILD_HOME}'\n${lines.join("\n")}\n`);
  const screenshot = join(ROOT, "scripts/screenshot.ts");
  const picture = join(ROOT, "docs/build.svg");
  const size = ["--columns", "92", "--rows", "34"];
  execFileSync(process.execPath, [screenshot, picture, ...size, "--", "sh", session], { stdio: "inherit" });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function tsbuild(...args: readonly string[]): void {
  execFileSync(process.execPath, [join(ROOT, "dist/tsbuild.cjs"), ...args], {
    cwd: project,
    env,
    stdio: "pipe",
  });
}
