import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EPOCH, importBusybox } from "../helpers/busybox-image.ts";
import { tsbuild } from "../helpers/run-tsbuild.ts";
import { startTsbuild } from "../helpers/start-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

test.each([
  { name: "a small file", times: 1 },
  { name: "a file of 6 MB", times: 1_000_000 },
])("$name that changes during the build is refused, or packed as it was keyed", async ({ times }) => {
  using dir = tempDir("changed");
  const [home, context] = [join(dir.path, "home"), join(dir.path, "context")];
  importBusybox(home);
  mkdirSync(context);
  const file = join(context, "file");
  writeFileSync(join(context, "Dockerfile"), "FROM busybox\nRUN echo begun; sleep 1\nCOPY file /file\n");
  const write = (word: string) => writeFileSync(file, word.repeat(times));
  write("before");
  const args = ["build", "--progress=plain", "-t", "changed", context];
  const contentOf = () =>
    tsbuild(["run", "--rm", "changed", "sh", "-c", "head -c 6 /file; tail -c 6 /file"], { home }).stdout;

  const started = startTsbuild(args, { home, env: EPOCH });
  await started.said(/^.*begun$/m);
  write("after!");
  const { code } = await started.ended;
  const outcome = code === 0 ? contentOf() : started.output().match(/^error\[.*\]/m)?.[0];
  expect(["beforebefore", "after!after!", "error[context/changed]"]).toContain(outcome);

  // Whatever it was: each content is met under its own key from now on.
  for (const word of ["before", "after!", "before"]) {
    write(word);
    tsbuild(args, { home, env: EPOCH });
    expect(contentOf()).toBe(word + word);
  }
});
