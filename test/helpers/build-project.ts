import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import type { BuildEvent } from "../../src/core/events.ts";
import { createEngine, type Engine } from "../../src/engine.ts";
import type { BuildOptions, BuildResult } from "../../src/operations/types.ts";
import { flattenLayers } from "./flatten-layers.ts";
import type { TarEntry } from "./tar-reader.ts";
import { tempDir } from "./temp-dir.ts";

export interface BuiltProject extends BuildResult {
  readonly events: readonly BuildEvent[];
  /** `644 0:0 path`, a line an entry, and what a link points to or is one inode with; sorted. */
  readonly files: readonly string[];
  readonly entry: (path: string) => TarEntry | undefined;
}

/** A context, a store and an engine of a test's own. */
export interface Project extends AsyncDisposable {
  readonly path: string;
  readonly home: string;
  readonly engine: Engine;
  write(files: Readonly<Record<string, string | Buffer>>): void;
  build(options?: Partial<BuildOptions>): Promise<BuiltProject>;
  /** Built twice: the second time every step is a HIT and the image is the same. */
  buildTwice(options?: Partial<BuildOptions>): Promise<BuiltProject>;
}

export async function openProject(
  files: Readonly<Record<string, string | Buffer>>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Project> {
  const dir = tempDir("project");
  const path = join(dir.path, "context");
  const home = join(dir.path, "store");
  mkdirSync(path);
  const engine = await createEngine({ home, env });
  const write: Project["write"] = (more) => {
    for (const [name, content] of Object.entries(more)) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), content);
    }
  };
  const build: Project["build"] = async (options = {}) => {
    const started = engine.build({ context: path, ...options });
    const events: BuildEvent[] = [];
    const collected = (async () => {
      for await (const event of started.events) events.push(event);
    })();
    const result = await started.result;
    await collected;
    return { ...result, events, ...filesOf(home, result) };
  };
  write(files);
  return {
    path,
    home,
    engine,
    write,
    build,
    buildTwice: async (options) => {
      const first = await build(options);
      const second = await build(options);
      expect(second.steps.filter((step) => step.result === "MISS")).toEqual([]);
      expect(second.image?.id).toBe(first.image?.id);
      return first;
    },
    [Symbol.asyncDispose]: async () => {
      await engine[Symbol.asyncDispose]();
      dir[Symbol.dispose]();
    },
  };
}

/** The reasons of each step that missed. */
export function reasonsOf(built: BuildResult): readonly string[] {
  return built.steps.flatMap(({ cache }) =>
    cache.status === "miss" ? cache.reasons.map(({ kind, subject }) => `${kind} ${subject}`) : [],
  );
}

function filesOf(home: string, result: BuildResult): Pick<BuiltProject, "files" | "entry"> {
  const blob = (digest: string) => readFileSync(join(home, "blobs/sha256", digest.slice("sha256:".length)));
  const manifest = JSON.parse(blob(result.image?.digest ?? "").toString()) as {
    layers: { digest: string }[];
  };
  const tree = flattenLayers(manifest.layers.map(({ digest }) => blob(digest)));
  const files = [...tree].map(([path, entry]) => {
    const twins = [...tree].filter(([name, other]) => other === entry && name !== path).map(([name]) => name);
    const link = entry.type === "2" ? ` -> ${entry.link}` : "";
    const same = twins.length > 0 ? ` = ${twins.toSorted().join(" ")}` : "";
    return `${entry.mode.toString(8)} ${entry.uid}:${entry.gid} ${path}${link}${same}`;
  });
  return {
    files: files.toSorted((a, b) => (a.split(" ")[2] ?? "").localeCompare(b.split(" ")[2] ?? "")),
    entry: (path) => tree.get(path),
  };
}
