import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { EPOCH, importBusybox } from "../helpers/busybox-image.ts";
import { leftovers } from "../helpers/leftovers.ts";
import { tsbuild } from "../helpers/run-tsbuild.ts";
import { startTsbuild } from "../helpers/start-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** How a process of these tests is told from others: nobody else sleeps so long. */
const NAP = String(200_000_000 + process.pid);

const dockerfileOf = (third: string) =>
  `FROM busybox\nRUN echo two > /two\nCOPY Dockerfile /three\nRUN ${third}\nRUN echo five > /five\n`;

test.each([
  { executor: "auto", signal: "SIGINT", code: 130 },
  { executor: "auto", signal: "SIGTERM", code: 143 },
  { executor: "unshare", signal: "SIGINT", code: 130 },
  { executor: "oci", signal: "SIGINT", code: 130 },
] as const)(
  "$signal ends a build ($executor) with $code, with all its processes, and keeps the finished steps",
  async ({ executor, signal, code }) => {
    using dir = tempDir("cancel");
    const home = join(dir.path, "home");
    const dockerfile = join(dir.path, "Dockerfile");
    importBusybox(home);
    writeFileSync(dockerfile, dockerfileOf(`echo begun; (setsid sleep ${NAP} &); sleep ${NAP}`));

    const args = ["build", "--progress=plain", `--executor=${executor}`, "-t", "canceled", dir.path];
    const started = startTsbuild(args, { home, env: EPOCH });
    await started.said(/^.*begun$/m);
    started.child.kill(signal);
    expect(await started.ended).toEqual({ code, signal: null });
    expect(leftovers(home, [`sleep\0${NAP}`])).toEqual([]);
    expect(started.output()).toContain("CANCELED");
    expect(started.output().match(/^error\[.*\]/gm)).toEqual(["error[cli/canceled]"]);

    const again = startTsbuild(args, { home, env: EPOCH });
    await again.said(/^.*begun$/m);
    expect(again.output()).toMatch(/HIT +2\/5 RUN echo two/);
    expect(again.output()).toMatch(/HIT +3\/5 COPY/);
    again.child.kill(signal);
    await again.ended;
    using store = openStore(home);
    expect(await store.verify()).toEqual([]);
  },
);

test("a second SIGINT ends the process at once, and the next build at the latest finds nothing of it", async () => {
  using dir = tempDir("cancel");
  const home = join(dir.path, "home");
  importBusybox(home);
  writeFileSync(
    join(dir.path, "Dockerfile"),
    dockerfileOf(`trap "echo heard" TERM; echo begun; sleep ${NAP}; sleep ${NAP}`),
  );
  const args = ["build", "--progress=plain", "-t", "canceled", dir.path];
  const started = startTsbuild(args, { home, env: EPOCH });
  await started.said(/^.*begun$/m);
  started.child.kill("SIGINT");
  // The command is asked to end, and does not.
  await started.said(/^.*heard$/m);
  started.child.kill("SIGINT");
  expect(await started.ended).toEqual({ code: 130, signal: null });

  writeFileSync(join(dir.path, "Dockerfile"), dockerfileOf("true"));
  const built = tsbuild(args, { home, env: EPOCH });
  expect(built.stderr).toMatch(/HIT +2\/5 RUN echo two/);
  expect(leftovers(home, [`sleep\0${NAP}`])).toEqual([]);
});
