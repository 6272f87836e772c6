import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../src/store/store.ts";
import { EPOCH, importBusybox } from "../helpers/busybox-image.ts";
import { leftovers } from "../helpers/leftovers.ts";
import { tsbuild } from "../helpers/run-tsbuild.ts";
import { startTsbuild } from "../helpers/start-tsbuild.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const NAMES = ["one", "two", "three", "four"];

/** Four projects with a shared base, shared steps, a shared stage, and steps of their own. */
function writeProjects(dir: string): void {
  for (const name of NAMES) {
    const files = join(dir, name, "src");
    mkdirSync(files, { recursive: true });
    for (let i = 0; i < 200; i += 1) writeFileSync(join(files, `${i}.txt`), `shared ${i}\n`);
    writeFileSync(join(dir, name, "own.txt"), name);
    writeFileSync(
      join(dir, name, "Dockerfile"),
      `FROM busybox AS tools
RUN mkdir -p /opt/tool && echo tool > /opt/tool/run && rm -r /home/app
FROM busybox
WORKDIR /app
RUN echo shared > shared && cp -r /bin/busybox copy
COPY src src
RUN find src -type f | sort | xargs cat > all
COPY --from=tools /opt /opt
COPY own.txt .
RUN cat own.txt > own && rm -r src/1*
`,
    );
  }
}

const argsOf = (dir: string, name: string) => [
  "build",
  "--progress=json",
  "--network=none",
  "-t",
  name,
  join(dir, name),
];

interface ResultLine {
  readonly image: { readonly id: string; readonly digest: string };
  readonly steps: readonly { readonly result: string }[];
}

function lastLine(output: string): ResultLine {
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as ResultLine;
}

test("four builds at once on one store give what they give one after another", async () => {
  using dir = tempDir("together");
  writeProjects(dir.path);
  const home = (name: string) => join(dir.path, `home-${name}`);
  importBusybox(home("serial"));
  const serial = NAMES.map(
    (name) => lastLine(tsbuild(argsOf(dir.path, name), { home: home("serial"), env: EPOCH }).stdout).image,
  );

  for (const round of ["a", "b"]) {
    importBusybox(home(round));
    const started = NAMES.map((name) =>
      startTsbuild(argsOf(dir.path, name), { home: home(round), env: EPOCH }),
    );
    for (const { ended } of started) expect(await ended).toEqual({ code: 0, signal: null });
    expect(started.map(({ output }) => lastLine(output()).image)).toEqual(serial);
    expect(leftovers(home(round))).toEqual([]);

    const again = NAMES.map((name) =>
      lastLine(tsbuild(argsOf(dir.path, name), { home: home(round), env: EPOCH }).stdout),
    );
    expect(again.map(({ image }) => image)).toEqual(serial);
    expect(again.flatMap(({ steps }) => steps).filter(({ result }) => result === "MISS")).toEqual([]);
    using store = openStore(home(round));
    expect(await store.verify()).toEqual([]);
  }
});
