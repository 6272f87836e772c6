import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { EPOCH } from "../helpers/busybox-image.ts";
import { runTsbuild, tsbuild } from "../helpers/run-tsbuild.ts";
import { readTar } from "../helpers/tar-reader.ts";
import { tempDir } from "../helpers/temp-dir.ts";

interface ResultLine {
  readonly image: { readonly id: string; readonly digest: string };
  readonly steps: readonly { readonly result: string; readonly layer: { readonly size: number } | null }[];
}

/** A folder of this test's: a context, a store, and anything else. */
function place(files: Readonly<Record<string, string>>) {
  const dir = tempDir("input");
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir.path, path)), { recursive: true });
    writeFileSync(join(dir.path, path), content);
  }
  const home = join(dir.path, "home");
  return {
    at: (path: string) => join(dir.path, path),
    home,
    /** Builds twice: the second time nothing is done, and the image is the same. */
    build: (args: readonly string[], input?: string | Buffer, env: Readonly<Record<string, string>> = {}) => {
      const options = { home, env: { ...EPOCH, ...env }, ...(input === undefined ? {} : { input }) };
      const [first, second] = [1, 2].map(() =>
        lastLine(tsbuild(["build", "--progress=json", ...args], options).stdout),
      );
      expect(second?.image).toEqual(first?.image);
      expect(second?.steps.filter(({ result }) => result === "MISS")).toEqual([]);
      return imageOf(home, first);
    },
    [Symbol.dispose]: () => dir[Symbol.dispose](),
  };
}

function lastLine(output: string): ResultLine {
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as ResultLine;
}

interface Config {
  readonly config: { readonly Labels?: Record<string, string>; readonly Env?: readonly string[] };
}

/** Layers as stored, and the config. */
function imageOf(home: string, result: ResultLine | undefined) {
  const blob = (digest: string) => readFileSync(join(home, "blobs/sha256", digest.slice("sha256:".length)));
  const manifest = JSON.parse(blob(result?.image.digest ?? "").toString()) as {
    layers: { digest: string }[];
  };
  const layers = manifest.layers.map(({ digest }) => blob(digest));
  return {
    id: result?.image.id,
    layers,
    paths: layers.map((layer) => readTar(layer).map(({ path }) => path)),
    config: JSON.parse(blob(result?.image.id ?? "").toString()) as Config,
  };
}

describe("the layers of the first lesson", () => {
  test("WORKDIR /app is 1,536 bytes with app/ alone, COPY . /app of three small files 4,608 bytes", () => {
    using here = place({
      "context/Dockerfile": "FROM scratch\nWORKDIR /app\nCOPY . /app\n",
      "context/README.md": "# hello\n",
      "context/app.py": 'print("Hello, World!")\n',
    });
    const { layers, paths } = here.build([here.at("context")]);
    expect(paths).toEqual([["app/"], ["app/", "app/Dockerfile", "app/README.md", "app/app.py"]]);
    expect(layers.map((layer) => layer.length)).toEqual([1536, 4608]);
  });
});

describe("a context from standard input", () => {
  const files = {
    "c/Dockerfile": "FROM scratch\nCOPY . /\n",
    "c/.dockerignore": "Dockerfile\n",
    "c/a.txt": "a",
  };

  test.each([
    { name: "a tar", pack: (tar: Buffer) => tar },
    { name: "a gzipped tar", pack: (tar: Buffer) => gzipSync(tar) },
    { name: "a zstd tar", pack: (tar: Buffer) => execFileSync("zstd", ["-qc"], { input: tar }) },
    { name: "an xz tar", pack: (tar: Buffer) => execFileSync("xz", ["-c"], { input: tar }) },
  ])("$name is a context", ({ pack }) => {
    using here = place(files);
    const tar = execFileSync("tar", ["-C", here.at("c"), "-cf", "-", "."]);
    const { paths } = here.build(["-"], pack(tar));
    expect(paths).toEqual([[".dockerignore", "a.txt"]]);
  });

  test("a tar takes its Dockerfile by name", () => {
    using here = place({ ...files, "c/deep/other": "FROM scratch\nCOPY a.txt /other\n" });
    const tar = execFileSync("tar", ["-C", here.at("c"), "-cf", "-", "."]);
    expect(here.build(["-f", "deep/other", "-"], tar).paths).toEqual([["other"]]);
  });

  test("anything else is a Dockerfile with an empty context", () => {
    using here = place({});
    expect(here.build(["-"], "FROM scratch\nWORKDIR /only\n").paths).toEqual([["only/"]]);
    const failed = runTsbuild(["build", "-"], { home: here.home, input: "FROM scratch\nCOPY a.txt /\n" });
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain("a.txt");
  });
});

describe("where the Dockerfile is", () => {
  test("-f - reads it from standard input, with the context of the folder", () => {
    using here = place({ "c/a.txt": "a", "c/Dockerfile": "not this one" });
    expect(here.build(["-f", "-", here.at("c")], "FROM scratch\nCOPY a.txt /\n").paths).toEqual([["a.txt"]]);
  });

  test("-f may lead out of the context, and its own .dockerignore stands beside it", () => {
    using here = place({
      "c/a.txt": "a",
      "c/b.txt": "b",
      "c/.dockerignore": "a.txt\n",
      "files/My.Dockerfile": "FROM scratch\nCOPY . /\n",
      "files/My.Dockerfile.dockerignore": "b.txt\n",
    });
    const { paths } = here.build(["-f", here.at("files/My.Dockerfile"), here.at("c")]);
    expect(paths).toEqual([[".dockerignore", "a.txt"]]);
  });
});

describe("flags", () => {
  test("--iidfile, --label, several -t, and -q tell the same image", () => {
    using here = place({ "c/Dockerfile": "FROM scratch\nLABEL a=1\nCOPY Dockerfile /\n" });
    const iid = here.at("iid");
    const args = [
      "--label",
      "a=2",
      "--label",
      "b=3",
      "-t",
      "one:1",
      "-t",
      "localhost:5000/two",
      "--iidfile",
      iid,
      here.at("c"),
    ];
    const { id, config } = here.build(args);
    expect(readFileSync(iid, "utf8")).toBe(id);
    expect(config.config.Labels).toEqual({ a: "2", b: "3" });
    expect(tsbuild(["-q", ...args], { home: here.home, env: EPOCH }).stdout).toBe(`${id}\n`);
    const listed = tsbuild(["image", "ls", "--no-trunc"], { home: here.home }).stdout;
    expect(listed.split("\n").filter((line) => line.includes(id ?? "?"))).toHaveLength(2);
  });

  test("a failed build writes no --iidfile", () => {
    using here = place({ "c/Dockerfile": "FROM scratch\nCOPY missing /\n" });
    expect(runTsbuild(["build", "--iidfile", here.at("iid"), here.at("c")], { home: here.home }).status).toBe(
      1,
    );
    expect(existsSync(here.at("iid"))).toBe(false);
  });

  test("--target stops at a stage, by name, and leaves the others alone", () => {
    using here = place({
      "c/Dockerfile": "FROM scratch AS first\nWORKDIR /first\nFROM scratch AS second\nCOPY missing /\n",
    });
    expect(here.build(["--target", "first", here.at("c")]).paths).toEqual([["first/"]]);
  });

  test("--build-arg without a value takes it from the environment", () => {
    using here = place({
      "c/Dockerfile": "FROM scratch\nARG COLOUR=grey\nENV SHADE=$COLOUR\nWORKDIR /$COLOUR\n",
    });
    const built = here.build(["--build-arg", "COLOUR", here.at("c")], undefined, { COLOUR: "red" });
    expect(built.paths).toEqual([["red/"]]);
    expect(built.config.config.Env).toContain("SHADE=red");
    expect(here.build([here.at("c")]).paths).toEqual([["grey/"]]);
  });

  test("--no-cache does everything again, and what it did is met by the next build", () => {
    using here = place({ "c/Dockerfile": "FROM scratch\nWORKDIR /app\nCOPY . .\n" });
    const run = (...more: readonly string[]) =>
      lastLine(
        tsbuild(["build", "--progress=json", ...more, here.at("c")], { home: here.home, env: EPOCH }).stdout,
      ).steps.map(({ result }) => result);
    run();
    expect(run("--no-cache").filter((result) => result === "MISS")).toHaveLength(2);
    expect(run()).not.toContain("MISS");
  });
});
