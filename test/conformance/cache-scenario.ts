import {
  chmodSync,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { writeTar } from "../helpers/tar-writer.ts";
import type { ContextEntry } from "./case-data.ts";
import type { BuildRequest, BuildResult } from "./engine-adapter.ts";
import { writeContext } from "./write-context.ts";

/** What plays a scenario: the built program, or the library in this process. */
export interface ScenarioBuilder {
  build(request: BuildRequest): Promise<Pick<BuildResult, "error" | "steps">>;
}

/** One recorded scenario of edits, as ../shared/conformance/README.md describes it. */
export interface CacheScenario {
  readonly name: string;
  readonly dockerfile_in_context: boolean;
  readonly context: { readonly entries: readonly ContextEntry[] };
  readonly dockerfile: string;
  readonly prebuild: readonly { readonly tag: string; readonly dockerfile: string }[];
  readonly edits: readonly {
    readonly description: string;
    readonly ops: readonly EditOp[];
    readonly build: EditBuild;
  }[];
}

export type EditOp =
  | { readonly op: "write"; readonly path: string; readonly content: string }
  | { readonly op: "touch"; readonly path: string }
  | { readonly op: "delete"; readonly path: string }
  | { readonly op: "mkdir"; readonly path: string }
  | { readonly op: "chmod"; readonly path: string; readonly mode: string }
  | { readonly op: "chown"; readonly path: string; readonly uid: number; readonly gid: number }
  | { readonly op: "rename"; readonly from: string; readonly to: string }
  | { readonly op: "symlink" | "hardlink"; readonly path: string; readonly target: string }
  | { readonly op: "write_tar"; readonly path: string; readonly members: Readonly<Record<string, string>> }
  | { readonly op: "dockerfile"; readonly content: string }
  | { readonly op: "build_base"; readonly tag: string; readonly dockerfile: string };

interface EditBuild {
  readonly build_args?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly target?: string;
  readonly no_cache?: boolean;
}

/** `RUN HIT`, `COPY MISS` …: the file system steps of needed stages, in order. */
export type StepResults = readonly string[];

/** What one builder did: a row a build, the first before any edit; null: it cannot build this. */
export type RecordedBuilds =
  | readonly {
      readonly error: boolean;
      readonly steps: readonly { readonly text: string; readonly result: string }[];
    }[]
  | null;

export interface RecordedScenario {
  readonly scenario: CacheScenario;
  /** By builder. A missing one was not recorded. */
  readonly expected: Readonly<Record<string, RecordedBuilds>>;
}

export function loadScenarios(folder: string): readonly RecordedScenario[] {
  return readdirSync(folder)
    .toSorted()
    .map((name) => {
      const read = (file: string): unknown => JSON.parse(readFileSync(join(folder, name, file), "utf8"));
      return {
        scenario: read("scenario.json") as CacheScenario,
        expected: read("expected.json") as RecordedScenario["expected"],
      };
    });
}

export function recordedResults(
  builds: Exclude<RecordedBuilds, null>,
  model: string,
): readonly StepResults[] {
  // BuildKit marks a trigger's row; to the classic builder such a row is an ONBUILD that was written.
  const mark = model === "classic" ? /^$/ : /^ONBUILD /;
  return builds.map((build) =>
    build.steps.flatMap((step) => resultOf(step.text.replace(mark, ""), step.result)),
  );
}

/** Plays a scenario on an engine with an empty cache; `directory` is made and filled. */
export async function playScenario(
  engine: ScenarioBuilder,
  scenario: CacheScenario,
  model: string,
  directory: string,
): Promise<readonly StepResults[]> {
  const player = new ScenarioPlayer(engine, scenario, model, directory);
  await player.prepare();
  const results = [await player.build({})];
  for (const edit of scenario.edits) {
    for (const op of edit.ops) await player.apply(op);
    results.push(await player.build(edit.build));
  }
  return results;
}

class ScenarioPlayer {
  readonly #engine: ScenarioBuilder;
  readonly #scenario: CacheScenario;
  readonly #model: string;
  readonly #context: string;
  readonly #empty: string;
  readonly #dockerfile: string;
  /** Each edit is a second later than the one before: an engine may trust size and time. */
  #clockSeconds = 1_600_000_000;

  constructor(engine: ScenarioBuilder, scenario: CacheScenario, model: string, directory: string) {
    this.#engine = engine;
    this.#scenario = scenario;
    this.#model = model;
    this.#context = join(directory, "context");
    this.#empty = join(directory, "empty");
    this.#dockerfile = join(scenario.dockerfile_in_context ? this.#context : directory, "Dockerfile");
  }

  async prepare(): Promise<void> {
    mkdirSync(this.#empty, { recursive: true });
    writeContext(this.#context, this.#scenario.context.entries, "");
    writeFileSync(this.#dockerfile, this.#scenario.dockerfile);
    for (const { tag, dockerfile } of this.#scenario.prebuild) await this.#buildBase(tag, dockerfile);
  }

  async build(how: EditBuild): Promise<StepResults> {
    const result = await this.#engine.build({
      context: this.#context,
      dockerfile: this.#dockerfile,
      tag: `scenario/${this.#scenario.name}:1`,
      buildArgs: how.build_args ?? {},
      labels: how.labels ?? {},
      target: how.target,
      noCache: how.no_cache ?? false,
      cacheModel: this.#model,
    });
    if (result.error?.code === "dockerfile/unsupported") throw new Unsupported(result.error.message);
    return result.error === null
      ? stepResults(result, this.#model)
      : [`${result.error.code}: ${result.error.message}`];
  }

  async apply(op: EditOp): Promise<void> {
    this.#clockSeconds += 1;
    switch (op.op) {
      case "dockerfile":
        return writeFileSync(this.#dockerfile, op.content);
      case "build_base":
        return this.#buildBase(op.tag, op.dockerfile);
      case "rename":
        return renameSync(this.#at(op.from), this.#at(op.to));
      case "delete":
        return rmSync(this.#at(op.path), { recursive: true });
      case "mkdir":
        mkdirSync(this.#at(op.path), { recursive: true });
        return;
      case "chmod":
        return chmodSync(this.#at(op.path), Number.parseInt(op.mode, 8));
      case "chown":
        return lchownSync(this.#at(op.path), op.uid, op.gid);
      case "symlink":
        return symlinkSync(op.target, this.#at(op.path));
      case "hardlink":
        return linkSync(this.#at(op.target), this.#at(op.path));
      case "write":
      case "touch":
      case "write_tar":
        return this.#write(op);
    }
  }

  #write(op: Extract<EditOp, { readonly op: "write" | "touch" | "write_tar" }>): void {
    const path = this.#at(op.path);
    const isNew = !existsSync(path);
    if (op.op === "write") writeFileSync(path, op.content);
    if (op.op === "write_tar")
      writeFileSync(
        path,
        writeTar(Object.entries(op.members).map(([name, content]) => ({ path: name, content }))),
      );
    if (isNew) chmodSync(path, 0o644);
    utimesSync(path, this.#clockSeconds, this.#clockSeconds);
  }

  #at(path: string): string {
    const at = join(this.#context, path);
    mkdirSync(dirname(at), { recursive: true });
    return at;
  }

  async #buildBase(tag: string, text: string): Promise<void> {
    const dockerfile = join(this.#empty, "..", "base.Dockerfile");
    writeFileSync(dockerfile, text);
    const result = await this.#engine.build({
      context: this.#empty,
      dockerfile,
      tag,
      cacheModel: this.#model,
    });
    if (result.error !== null) throw new Error(`the base ${tag}: ${result.error.message}`);
  }
}

/** An instruction that this version does not build yet. */
export class Unsupported extends Error {}

/** The classic builder prints no step for a trigger. */
function stepResults(result: Pick<BuildResult, "steps">, model: string): StepResults {
  return result.steps
    .filter((step) => step.result !== "SKIP" && !(model === "classic" && step.onbuild))
    .flatMap((step) => resultOf(step.instruction, step.result));
}

function resultOf(text: string, result: string): readonly string[] {
  const keyword = /^\s*(RUN|COPY|ADD|WORKDIR)\b/i.exec(text)?.[1]?.toUpperCase();
  return keyword === undefined ? [] : [`${keyword} ${result === "FAIL" ? "FAILED" : result}`];
}
