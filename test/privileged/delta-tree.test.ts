import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tsbuild } from "../helpers/run-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const FILES = 1200;
const DOCKERFILE = `FROM base:latest
COPY src /src
RUN find /src -mindepth 1 -exec stat -c '%n %F %a %u %g %Y' {} + | sort > /seen
RUN find /src -type f -exec sha256sum {} + | sort > /contents
`;

/** Whether a step stands on a whole tree or on a difference over an older one, it must see the same files. */
test("a RUN over edited copies sees what it would see in a fresh store", () => {
  using dir = tempDir("delta");
  const context = join(dir.path, "context");
  const stores = [join(dir.path, "long-used"), join(dir.path, "fresh")];
  writeProject(context);
  const [used = "", fresh = ""] = stores;
  for (const home of stores) tsbuild(["base", "create", "-q", "base:latest"], { home });
  build(used, context);
  const whole = deltas(used);

  editProject(context);
  expect(build(used, context)).toBe(build(fresh, context));
  expect(deltas(used)).toBe(whole + 1);
  expect(build(used, context)).toBe(build(fresh, context));

  // Once more: the next difference stands on the whole tree again, not on the last one.
  writeFileSync(join(context, "src/d5/f500"), "edited again");
  expect(build(used, context)).toBe(build(fresh, context));
  tsbuild(["verify"], { home: used });
});

function writeProject(context: string): void {
  for (let i = 0; i < FILES; i++) {
    const folder = join(context, "src", `d${Math.floor(i / 100)}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `f${i}`), `file ${i}\n`);
  }
  writeFileSync(join(context, "Dockerfile"), DOCKERFILE);
}

/** Every kind of edit that a difference of trees has to show. */
function editProject(context: string): void {
  const at = (path: string) => join(context, "src", path);
  writeFileSync(at("d1/f100"), "edited");
  rmSync(at("d1/f101"));
  rmSync(at("d2"), { recursive: true });
  chmodSync(at("d3/f300"), 0o755);
  chmodSync(at("d4"), 0o700);
  renameSync(at("d5/f501"), at("d5/renamed"));
  rmSync(at("d6/f600"));
  mkdirSync(at("d6/f600"));
  writeFileSync(at("d6/f600/inside"), "a directory now");
  rmSync(at("d7"), { recursive: true });
  writeFileSync(at("d7"), "a file now");
  symlinkSync("d1", at("link"));
  mkdirSync(at("new/deep"), { recursive: true });
  writeFileSync(at("new/deep/file"), "new");
  writeFileSync(at("top"), "new at the top");
  rmSync(at("d11/f1100"));
}

function build(home: string, context: string): string {
  const env = { SOURCE_DATE_EPOCH: "1700000000" };
  return tsbuild(["build", "-q", "--network=none", "-t", "delta:1", context], { home, env }).stdout.trim();
}

/** Directories in the store that hold a difference and not a whole tree. */
function deltas(home: string): number {
  return readdirSync(join(home, "layers"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("tree.json"))
    .filter((path) => readFileSync(join(home, "layers", path), "utf8").includes('"over"')).length;
}
