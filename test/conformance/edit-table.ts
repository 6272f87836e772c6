import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { CacheModelName } from "../../src/core/cache-key.ts";

/** One edit between two builds, and what RUN, COPY, ADD and WORKDIR of the second build do under each model. */
export interface TableRow {
  /** As docs/cache-models.md has it. */
  readonly edit: string;
  /** Below `FROM localhost/busybox`. */
  readonly before: string;
  readonly after?: string;
  readonly change?: (context: string) => void;
  readonly argsBefore?: Readonly<Record<string, string>>;
  readonly argsAfter?: Readonly<Record<string, string>>;
  readonly labelsAfter?: Readonly<Record<string, string>>;
  /** `H`it and `M`iss, a letter a step, of tsbuild, classic, buildkit, buildkit@20.10, buildah; one of them alone stands for all. */
  readonly results: string;
}

/** Order of `results`. */
export const TABLE_MODELS: readonly CacheModelName[] = [
  "tsbuild",
  "classic",
  "buildkit",
  "buildkit@20.10",
  "buildah",
];

export function resultOf(row: TableRow, model: CacheModelName): string {
  const all = row.results.split(" ");
  return all[TABLE_MODELS.indexOf(model)] ?? all[0] ?? "";
}

export function dockerfileOf(lines: string): string {
  return `FROM localhost/busybox\n${lines}\n`;
}

const later = new Date("2020-01-01T00:00:00Z");
const COPY_ALL = "COPY . /x/\nRUN ls /x";
const COPY_FILE = "COPY a.txt /x\nRUN cat /x";

/** The context of every row, the same each time. */
export function writeTableContext(context: string): void {
  rmSync(context, { recursive: true, force: true });
  for (const dir of ["", "d", "p", "q"]) mkdirSync(join(context, dir), { mode: 0o755, recursive: true });
  for (const name of ["a.txt", "b.txt", "d/f", "p/f", "q/f", "one", "two"])
    writeFileSync(join(context, name), "same\n", { mode: 0o644 });
  symlinkSync("one", join(context, "link"));
  // Docker's client writes into a .dockerignore that it sends, where the Dockerfile is outside.
  writeFileSync(join(context, ".dockerignore"), "*.log\n.dockerignore\n");
}

const write = (path: string, text: string) => (context: string) => {
  writeFileSync(join(context, path), text);
  utimesSync(join(context, path), later, later);
};

export const TABLE: readonly TableRow[] = [
  { edit: "nothing", before: COPY_ALL, results: "HH" },
  {
    edit: "mtime of a file",
    before: COPY_FILE,
    change: (context) => utimesSync(join(context, "a.txt"), later, later),
    results: "HH",
  },
  {
    edit: "mtime of a folder",
    before: COPY_ALL,
    change: (context) => utimesSync(join(context, "d"), later, later),
    results: "HH",
  },
  { edit: "content of a file", before: COPY_FILE, change: write("a.txt", "other\n"), results: "MM" },
  {
    edit: "`chmod` of a file",
    before: COPY_FILE,
    change: (context) => chmodSync(join(context, "a.txt"), 0o755),
    results: "MM",
  },
  {
    edit: "`chmod` of a folder under `COPY .`",
    before: COPY_ALL,
    change: (context) => chmodSync(join(context, "d"), 0o700),
    results: "MM MM HH HH MM",
  },
  {
    edit: "`chown` of a file in the context",
    before: COPY_FILE,
    change: (context) => chownSync(join(context, "a.txt"), 7, 7),
    results: "HH HH HH HH MM",
  },
  {
    edit: "a `user.*` attribute on a file",
    before: COPY_FILE,
    change: (context) => setAttribute(join(context, "a.txt")),
    results: "HH HH HH HH MM",
  },
  {
    edit: "a file becomes a hard link of its twin",
    before: COPY_ALL,
    change: (context) => {
      rmSync(join(context, "two"));
      linkSync(join(context, "one"), join(context, "two"));
    },
    results: "MM MM HH HH MM",
  },
  {
    edit: "a file renamed in a copied folder",
    before: COPY_ALL,
    change: (context) => renameSync(join(context, "d/f"), join(context, "d/g")),
    results: "MM",
  },
  {
    edit: "an empty folder added",
    before: COPY_ALL,
    change: (context) => mkdirSync(join(context, "new"), { mode: 0o755 }),
    results: "MM",
  },
  {
    edit: "a symlink with another target",
    before: COPY_ALL,
    change: (context) => {
      rmSync(join(context, "link"));
      symlinkSync("two", join(context, "link"));
    },
    results: "MM",
  },
  { edit: "a file that .dockerignore drops", before: COPY_ALL, change: write("x.log", "1"), results: "HH" },
  { edit: "a file that no COPY reads", before: COPY_FILE, change: write("b.txt", "other"), results: "HH" },
  {
    edit: "`COPY a.txt /x` → `COPY b.txt /x`, same bytes",
    before: COPY_FILE,
    after: "COPY b.txt /x\nRUN cat /x",
    results: "MH MM MM MM HH",
  },
  {
    edit: "`COPY p/f /x` → `COPY q/f /x`, same bytes",
    before: "COPY p/f /x\nRUN cat /x",
    after: "COPY q/f /x\nRUN cat /x",
    results: "MH MM HH HH HH",
  },
  {
    edit: "`COPY p /x/` → `COPY q /x/`, same content",
    before: "COPY p /x/\nRUN ls /x",
    after: "COPY q /x/\nRUN ls /x",
    results: "MH MM MM MM HH",
  },
  {
    edit: "the one file that a wildcard matches, renamed",
    before: "COPY a* /x/\nRUN ls /x",
    change: (context) => renameSync(join(context, "a.txt"), join(context, "all.txt")),
    results: "MM",
  },
  {
    edit: "another destination",
    before: COPY_FILE,
    after: "COPY a.txt /y\nRUN cat /x || true",
    results: "MM",
  },
  {
    edit: "`--chown` added",
    before: COPY_FILE,
    after: "COPY --chown=7:7 a.txt /x\nRUN cat /x",
    results: "MM",
  },
  { edit: "blanks inside a RUN", before: "RUN echo  1", after: "RUN echo 1", results: "M" },
  { edit: "a RUN flowed over other lines", before: "RUN echo 1 2", after: "RUN echo \\\n1 2", results: "H" },
  { edit: "comments", before: "RUN echo 1", after: "# why\nRUN echo 1", results: "H" },
  { edit: "`run` for `RUN`", before: "RUN echo 1", after: "run echo 1", results: "H" },
  {
    edit: "shell form → the equal exec form",
    before: "RUN echo 1",
    after: 'RUN ["/bin/sh","-c","echo 1"]',
    results: "H H H H M",
  },
  ...["LABEL a=%", "EXPOSE 8%", 'CMD ["%"]', "HEALTHCHECK CMD true %", "STOPSIGNAL 1%", "VOLUME /v%"].map(
    (line): TableRow => ({
      edit: `\`${line.split(" ")[0]}\` above a RUN`,
      before: `${line.replace("%", "1")}\nRUN echo 1`,
      after: `${line.replace("%", "2")}\nRUN echo 1`,
      results: "H M H H M",
    }),
  ),
  {
    edit: "`SHELL` above a RUN in exec form",
    before: 'SHELL ["/bin/sh","-c"]\nRUN ["echo","1"]',
    after: 'SHELL ["/bin/sh","-ec"]\nRUN ["echo","1"]',
    results: "H M H H M",
  },
  { edit: "`USER`", before: "USER 1\nRUN echo 1", after: "USER 2\nRUN echo 1", results: "M" },
  {
    edit: "the order of two ENVs",
    before: "ENV A=1\nENV B=1\nRUN echo 1",
    after: "ENV B=1\nENV A=1\nRUN echo 1",
    results: "M",
  },
  {
    edit: '`ENV A="1"` → `ENV A=1`',
    before: 'ENV A="1"\nRUN echo 1',
    after: "ENV A=1\nRUN echo 1",
    results: "H H H H M",
  },
  {
    edit: "`ENV A=$X` → its value",
    before: "ARG X=1\nENV A=$X\nRUN echo 1",
    after: "ARG X=1\nENV A=1\nRUN echo 1",
    results: "H H H H M",
  },
  {
    edit: "the value of an ARG that RUN does not use",
    before: "ARG X=1\nRUN echo 1",
    argsAfter: { X: "2" },
    results: "M",
  },
  {
    edit: "the default of an ARG",
    before: "ARG X=1\nRUN echo 1",
    after: "ARG X=2\nRUN echo 1",
    results: "M",
  },
  {
    edit: "the same, RUN above the ARG",
    before: "RUN echo 1\nARG X=1",
    argsAfter: { X: "2" },
    results: "H",
  },
  { edit: "an undeclared build argument", before: "RUN echo 1", argsAfter: { NOBODY: "2" }, results: "H" },
  {
    edit: "an undeclared HTTP_PROXY, another value",
    before: "RUN echo 1",
    argsBefore: { HTTP_PROXY: "http://x" },
    argsAfter: { HTTP_PROXY: "http://y" },
    results: "H",
  },
  {
    edit: "an undeclared HTTP_PROXY, given at all",
    before: "RUN echo 1",
    argsAfter: { HTTP_PROXY: "http://y" },
    results: "H M H H H",
  },
  {
    edit: "an ARG that an ENV of the same name covers",
    before: "ARG X=1\nENV X=3\nRUN echo 1",
    argsAfter: { X: "2" },
    results: "H",
  },
  {
    edit: "an ARG above COPY and WORKDIR alone",
    before: "ARG X=1\nCOPY a.txt /x\nWORKDIR /w",
    argsAfter: { X: "2" },
    results: "HH",
  },
  {
    edit: "`WORKDIR /a/b` → `WORKDIR /a//b/`",
    before: "WORKDIR /a/b\nRUN echo 1",
    after: "WORKDIR /a//b/\nRUN echo 1",
    results: "MM MM HM HM MM",
  },
  {
    edit: "two independent RUNs swapped",
    before: "RUN echo 1 > /1\nRUN echo 2 > /2",
    after: "RUN echo 2 > /2\nRUN echo 1 > /1",
    results: "MM",
  },
  {
    edit: "a RUN that changes nothing, replaced by another such",
    before: "RUN true\nRUN echo 1 > /1",
    after: "RUN test 1\nRUN echo 1 > /1",
    results: "MH MM MM MM MM",
  },
  {
    edit: "a stage's RUN, with the copied file the same",
    before: "RUN echo 1 > /f && true\nFROM localhost/busybox\nCOPY --from=0 /f /f\nRUN cat /f",
    after: "RUN echo 1 > /f && test 1\nFROM localhost/busybox\nCOPY --from=0 /f /f\nRUN cat /f",
    results: "MHH",
  },
  { edit: "`--label`", before: "RUN echo 1", labelsAfter: { a: "1" }, results: "H" },
];

function setAttribute(path: string): void {
  const done = spawnSync("setfattr", ["-n", "user.note", "-v", "1", path], { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`setfattr: ${done.stderr}`);
}
