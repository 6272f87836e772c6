import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EPOCH, importBusybox } from "../helpers/busybox-image.ts";
import { leftovers } from "../helpers/leftovers.ts";
import { tsbuild } from "../helpers/run-tsbuild.ts";
import { readTar } from "../helpers/tar-reader.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** A temporary folder on an overlay file system, as a container's own is. */
function overlayDir(): Disposable & { readonly path: string } {
  const dir = tempDir("overlay");
  const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) =>
    join(dir.path, name),
  );
  for (const path of [lower, upper, work, merged]) mkdirSync(path ?? "");
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  execFileSync("mount", ["-t", "overlay", "-o", options, "overlay", merged ?? ""]);
  return {
    path: merged ?? "",
    [Symbol.dispose]: () => {
      execFileSync("umount", ["-l", merged ?? ""]);
      dir[Symbol.dispose]();
    },
  };
}

/** Everything that a diff may have to tell, a step each. */
const STEPS: readonly string[] = [
  "mkdir -p d/sub gone keep times && echo 1 > d/a && echo 2 > d/sub/b && echo 3 > gone/c && echo 4 > file && touch -d @1234567890 times/old",
  "rm -r d && echo file > d",
  "rm d && mkdir d && echo again > d/a",
  "echo h > h1 && ln h1 h2 && ln h1 keep/h3",
  "rm h2 && ln h1 h4",
  "cp /bin/busybox suid && chmod 4755 suid && chmod 2775 keep && chown 1000:1000 keep && chmod 1777 times",
  "mkfifo pipe && mknod zero c 1 5 && mknod disk b 7 1 && ln -s ../nowhere/else link && ln -s /bin abs",
  "rm -rf gone && mkdir gone && rm -rf keep && mkdir keep && echo new > keep/new",
  "rm link && mkdir link && rm pipe && echo no pipe > pipe",
  "touch -d @1234567891 times/old && chmod 600 file && chmod 644 file",
  "mv d moved && ln -s moved d && touch .wh-not && rm /etc/group && chown -h 5:5 abs",
  "rm -rf /home /usr && mkdir /usr",
  "dd if=/dev/zero of=sparse bs=1 count=1 seek=3M 2>/dev/null; : > empty; chown 4000000:4000001 empty",
  "true",
];

/** Times after SOURCE_DATE_EPOCH become that, so two builds can be compared byte for byte. */
function writeContext(dir: string, steps: readonly string[]): void {
  execFileSync("cp", ["/bin/busybox", join(dir, "capable")]);
  execFileSync("setcap", ["cap_net_bind_service+ep", join(dir, "capable")]);
  execFileSync("setfattr", ["-n", "user.note", "-v", "kept", join(dir, "capable")]);
  const dockerfile = [
    "FROM busybox AS tools",
    "RUN mkdir -p /opt/d && echo tool > /opt/d/tool && ln /opt/d/tool /opt/link && mkfifo /opt/pipe",
    "FROM busybox",
    "WORKDIR /work",
    "COPY capable .",
    "RUN cp -p capable copy && chmod 755 capable",
    "RUN mv capable renamed",
    ...steps.map((step) => `RUN ${step}`),
    "COPY --from=tools /opt /opt",
    "RUN rm -r /opt/d",
  ];
  writeFileSync(join(dir, "Dockerfile"), `${dockerfile.join("\n")}\n`);
}

interface ResultLine {
  readonly image: { readonly id: string; readonly digest: string };
  readonly steps: readonly {
    readonly result: string;
  }[];
}

function build(context: string, home: string, more: readonly string[] = []): ResultLine {
  const args = ["build", "--progress=json", "--network=none", ...more, "-t", "copied", context];
  const { stdout } = tsbuild(args, { home, env: EPOCH });
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as ResultLine;
}

/** What the layers of an image say, each by its digest. */
function layersOf(home: string, { image }: ResultLine) {
  const blob = (digest: string) => readFileSync(join(home, "blobs/sha256", digest.slice("sha256:".length)));
  const manifest = JSON.parse(blob(image.digest).toString()) as { layers: { digest: string }[] };
  return manifest.layers.map(({ digest }) => ({
    digest,
    entries: readTar(blob(digest)).map(({ content: _content, ...entry }) => entry),
  }));
}

test.each([
  { executor: "auto", steps: STEPS },
  { executor: "unshare", steps: STEPS.slice(0, 3) },
  { executor: "oci", steps: STEPS.slice(0, 3) },
])(
  "with the $executor executor, a store on an overlay file system gives the layers of any other store",
  ({ executor, steps }) => {
    using context = tempDir("copying");
    using plain = tempDir("plain");
    using overlay = overlayDir();
    const [usual, copying] = [join(plain.path, "home"), join(overlay.path, "home")];
    writeContext(context.path, steps);
    for (const home of [usual, copying]) importBusybox(home);

    const built = build(context.path, usual, [`--executor=${executor}`]);
    const copied = build(context.path, copying, [`--executor=${executor}`]);
    expect(layersOf(copying, copied)).toEqual(layersOf(usual, built));
    expect(copied.image).toEqual(built.image);
    // Only the overlay had trees to unpack layers into.
    expect([usual, copying].map((home) => hasTrees(home))).toEqual([true, false]);

    for (const home of [usual, copying]) {
      const again = build(context.path, home);
      expect(again.steps.filter(({ result }) => result === "MISS")).toEqual([]);
      expect(again.image).toEqual(built.image);
      expect(leftovers(home)).toEqual([]);
    }
  },
);

function hasTrees(home: string): boolean {
  return readdirSync(join(home, "layers")).some((layer) => existsSync(join(home, "layers", layer, "tree")));
}

test("a container there keeps its changes between runs, and what it is mounted over is none of them", () => {
  using dir = overlayDir();
  const home = join(dir.path, "store");
  const run = (...args: readonly string[]) => tsbuild(args, { home, env: EPOCH }).stdout.trim();
  importBusybox(home);
  run(
    "run",
    "-d",
    "--name",
    "kept",
    "busybox",
    "sh",
    "-c",
    "rm /etc/group; echo more >> /new; exec sleep 1000000",
  );
  const changes = "C /etc\nD /etc/group\nA /new";
  while (run("diff", "kept") !== changes) expect(run("ps", "-q")).not.toBe("");
  const committed = run("commit", "kept", "kept:1");
  run("kill", "kept");
  expect(run("diff", "kept")).toBe(changes);
  expect(run("commit", "kept", "kept:1")).toBe(committed);
  run("cp", "kept:/etc/passwd", join(dir.path, "passwd"));
  expect(readFileSync(join(dir.path, "passwd"), "utf8")).toContain("root:x:0:0");
  expect(run("run", "--rm", "kept:1", "cat", "/new")).toBe("more");
  run("rm", "kept");
  while (leftovers(home).length > 0) expect(run("ps", "-aq")).toBe("");
});
