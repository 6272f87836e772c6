import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createEngine, type Explanation } from "../../src/engine.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** A project whose every build is: no RUN, so that it builds anywhere. */
interface Project {
  readonly files: Map<string, { content: string; mode: number }>;
  readonly lines: string[];
  readonly buildArgs: Record<string, string>;
}

interface Edit {
  readonly name: string;
  readonly apply: (project: Project) => void;
  /** `kind subject` of the one change that explain must name. */
  readonly expected: string;
}

const DIRS = ["src", "lib/deep", "conf"];

const projects = fc
  .record({
    fileCounts: fc.array(fc.integer({ min: 2, max: 4 }), { minLength: 3, maxLength: 3 }),
    order: fc.shuffledSubarray(
      ["ENV", "ENV2", "LABEL", "WORKDIR", "SRC", "LIB", "VARIABLE", "DERIVED", "USER", "EXPOSE"],
      {
        minLength: 10,
        maxLength: 10,
      },
    ),
    stages: fc.boolean(),
  })
  .map(({ fileCounts, order, stages }): Project => {
    const files: Project["files"] = new Map(
      DIRS.flatMap((dir, d) =>
        Array.from(
          { length: fileCounts[d]! },
          (_, i) => [`${dir}/f${i}.txt`, { content: `${dir} ${i}`, mode: 0o644 }] as const,
        ),
      ),
    );
    files.set("one.txt", { content: "one", mode: 0o644 });
    const line: Record<string, string> = {
      ENV: "ENV COLOUR=red",
      ENV2: "ENV SHAPE=round SIZE=3",
      LABEL: "LABEL kept=yes",
      WORKDIR: "WORKDIR /work",
      SRC: "COPY src ./sources/",
      LIB: "COPY lib /opt/lib",
      VARIABLE: "COPY ${FILE} ./named/",
      DERIVED: "ENV DERIVED=${VERSION}-x",
      USER: "USER 7:7",
      EXPOSE: "EXPOSE 80",
    };
    const body = order.map((name) => line[name]!);
    const tail = ["COPY conf /etc/conf", "COPY one.txt /one", 'CMD ["x"]'];
    const head = ["ARG VERSION=1", "ARG FILE=one.txt"];
    const lines = stages
      ? [
          "FROM scratch AS build",
          ...head,
          ...body,
          "FROM scratch",
          "COPY --from=build /opt/lib /lib",
          ...tail,
        ]
      : ["FROM scratch", ...head, ...body, ...tail];
    return { files, lines, buildArgs: {} };
  });

const replaceLine = (from: string, to: string) => (project: Project) => {
  project.lines[project.lines.indexOf(from)] = to;
};

const edits: readonly Edit[] = [
  {
    name: "content of a file in a folder",
    apply: ({ files }) => void files.set("src/f1.txt", { content: `edited ${runs}`, mode: 0o644 }),
    expected: "file-content src/f1.txt",
  },
  {
    name: "content of a file deep down",
    apply: ({ files }) => void files.set("lib/deep/f0.txt", { content: `edited ${runs}`, mode: 0o644 }),
    expected: "file-content lib/deep/f0.txt",
  },
  {
    name: "content of a file named alone",
    apply: ({ files }) => void files.set("one.txt", { content: `edited ${runs}`, mode: 0o644 }),
    expected: "file-content one.txt",
  },
  {
    name: "mode of a file",
    apply: ({ files }) => void files.set("conf/f0.txt", { ...files.get("conf/f0.txt")!, mode: 0o755 }),
    expected: "file-mode conf/f0.txt",
  },
  {
    name: "mode of a file named alone",
    apply: ({ files }) => void files.set("one.txt", { ...files.get("one.txt")!, mode: 0o600 }),
    expected: "file-mode one.txt",
  },
  {
    name: "a file added",
    apply: ({ files }) => void files.set("src/new.txt", { content: `new ${runs}`, mode: 0o644 }),
    expected: "file-added src/new.txt",
  },
  {
    name: "a file removed",
    apply: ({ files }) => void files.delete("lib/deep/f1.txt"),
    expected: "file-removed lib/deep/f1.txt",
  },
  {
    name: "a file renamed",
    apply: ({ files }) => {
      files.set("conf/other.txt", files.get("conf/f1.txt")!);
      files.delete("conf/f1.txt");
    },
    expected: "file-renamed conf/other.txt",
  },
  {
    name: "a build argument",
    apply: ({ buildArgs }) => void (buildArgs["VERSION"] = "2"),
    expected: "arg VERSION",
  },
  {
    name: "the default of an ARG",
    apply: replaceLine("ARG VERSION=1", "ARG VERSION=3"),
    expected: "arg VERSION",
  },
  {
    name: "an ARG that names a file",
    apply: ({ buildArgs }) => void (buildArgs["FILE"] = "src/f0.txt"),
    expected: "arg FILE",
  },
  { name: "an ENV", apply: replaceLine("ENV COLOUR=red", "ENV COLOUR=blue"), expected: "env COLOUR" },
  {
    name: "one of two variables of an ENV",
    apply: replaceLine("ENV SHAPE=round SIZE=3", "ENV SHAPE=round SIZE=4"),
    expected: "env SIZE",
  },
  { name: "a label", apply: replaceLine("LABEL kept=yes", "LABEL kept=no"), expected: "instruction LABEL" },
  {
    name: "the working directory",
    apply: replaceLine("WORKDIR /work", "WORKDIR /other"),
    expected: "instruction WORKDIR",
  },
  {
    name: "a destination",
    apply: replaceLine("COPY lib /opt/lib", "COPY --chmod=755 lib /opt/lib"),
    expected: "instruction COPY",
  },
  { name: "a user", apply: replaceLine("USER 7:7", "USER 8:8"), expected: "instruction USER" },
  { name: "a command", apply: replaceLine('CMD ["x"]', 'CMD ["y"]'), expected: "instruction CMD" },
  {
    name: "an instruction inserted",
    apply: ({ lines }) => void lines.splice(3, 0, "STOPSIGNAL 9"),
    expected: "instruction STOPSIGNAL",
  },
  {
    name: "an instruction removed",
    apply: ({ lines }) => void lines.splice(lines.indexOf("EXPOSE 80"), 1),
    expected: "instruction EXPOSE",
  },
  {
    name: "a step removed",
    apply: ({ lines }) => void lines.splice(lines.indexOf("COPY src ./sources/"), 1),
    expected: "instruction COPY",
  },
  {
    name: "an ENV removed",
    apply: ({ lines }) => void lines.splice(lines.indexOf("ENV COLOUR=red"), 1),
    expected: "env COLOUR",
  },
];

describe("explain names exactly what was edited", () => {
  test.each(edits)("one edit, one root cause: $name", { timeout: 120_000 }, async (edit) => {
    using home = tempDir("explain");
    await using engine = await createEngine({ home: join(home.path, "store") });
    await fc.assert(
      fc.asyncProperty(projects, fc.nat(), async (drawn, number) => {
        const project = salted(drawn);
        const dir = join(home.path, `p${number}`);
        const build = builder(engine, dir);
        const isSeen = changesStage(project, edit);
        await build(project);
        const before = await build(project);
        expect(before.steps.every(({ result }) => result === "HIT")).toBe(true);
        edit.apply(project);
        const after = await build(project);
        const again = await build(project);
        rmSync(dir, { recursive: true });
        const expected = [project.lines, isSeen ? [edit.expected] : []];
        expect([project.lines, [...rootCauses(after)]]).toEqual(expected);
        // Two builds held side by side tell the same, and so they do where the later one hit throughout.
        for (const later of [after, again]) {
          const compared = await engine.explain(later.build, before.build);
          expect([project.lines, [...rootCauses(compared)]]).toEqual(expected);
          expect(compared.compared).toBe(before.build);
        }
        // Nothing is looked up for a build that hits throughout.
        expect(after.compared).toBe(isSeen ? before.build : null);
      }),
      { numRuns: 4, seed: 5 },
    );
  });

  const fileEdits = edits.filter(({ expected }) => expected.startsWith("file-"));
  const lineEdits = edits.filter(({ name }) =>
    ["a build argument", "an ENV", "a label", "a command", "a user", "an instruction removed"].includes(name),
  );
  test("two edits: both", { timeout: 240_000 }, async () => {
    using home = tempDir("explain");
    await using engine = await createEngine({ home: join(home.path, "store") });
    await fc.assert(
      fc.asyncProperty(
        projects,
        fc.constantFrom(...fileEdits),
        fc.constantFrom(...lineEdits),
        fc.nat(),
        async (drawn, first, second, number) => {
          const project = salted(drawn);
          const dir = join(home.path, `q${number}`);
          const build = builder(engine, dir);
          const flat: Project = {
            ...project,
            lines: project.lines.filter((line) => !line.includes("--from=")),
          };
          if (flat.lines.includes("FROM scratch") && flat.lines[0] !== "FROM scratch")
            flat.lines.splice(flat.lines.indexOf("FROM scratch"), 1);
          await build(flat);
          first.apply(flat);
          second.apply(flat);
          const after = await build(flat);
          rmSync(dir, { recursive: true });
          expect([flat.lines, [...rootCauses(after)].toSorted()]).toEqual([
            flat.lines,
            [first.expected, second.expected].toSorted(),
          ]);
        },
      ),
      { numRuns: 30, seed: 6 },
    );
  });
});

let runs = 0;

/** A copy to edit, with contents of its own: no record of an earlier run is met again. */
function salted(drawn: Project): Project {
  const project = structuredClone(drawn);
  runs += 1;
  for (const file of project.files.values()) file.content += ` ${runs}`;
  project.lines.splice(project.lines.indexOf("LABEL kept=yes"), 0, `ENV RUN_NUMBER=${runs}`);
  project.lines.splice(project.lines.indexOf("COPY conf /etc/conf"), 0, `LABEL run=${runs}`);
  return project;
}

/** An edit above the lines that the last stage reads may leave it as it was: then there is nothing to explain in a skipped stage. */
function changesStage(project: Project, edit: Edit): boolean {
  const isSplit = project.lines[0] !== "FROM scratch";
  const last = project.lines.findLastIndex((line) => line.startsWith("FROM"));
  const isRemoved = edit.name.endsWith("removed") && !edit.expected.startsWith("file-");
  if (!isSplit || !isRemoved) return true;
  // A row removed at the end of a stage leaves no row there that could tell.
  const copy = [...project.lines];
  edit.apply({ ...project, lines: copy, files: new Map(project.files) });
  const gone = project.lines.findIndex((line, i) => line !== copy[i]);
  const isStep = edit.name === "a step removed";
  const below = project.lines.slice(gone + 1, last);
  return below.some((line) => isStep || /^(ENV|LABEL|USER|EXPOSE|ARG)/.test(line));
}

function builder(engine: Awaited<ReturnType<typeof createEngine>>, dir: string) {
  return async (project: Project): Promise<Explanation> => {
    rmSync(join(dir, "context"), { recursive: true, force: true });
    for (const [path, { content, mode }] of project.files) {
      const file = join(dir, "context", path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(`${file}~`, content);
      renameSync(`${file}~`, file);
      chmodSync(file, mode);
    }
    writeFileSync(join(dir, "Dockerfile"), `${project.lines.join("\n")}\n`);
    const build = engine.build({
      context: join(dir, "context"),
      dockerfile: join(dir, "Dockerfile"),
      buildArgs: project.buildArgs,
    });
    const { id } = await build.result;
    return await engine.explain(id);
  };
}

function rootCauses(explained: Explanation): Set<string> {
  return new Set(
    explained.steps
      .filter(({ rootCause }) => rootCause)
      .flatMap(({ changes }) =>
        changes.filter(({ kind }) => kind !== "parent").map(({ kind, subject }) => `${kind} ${subject}`),
      ),
  );
}
