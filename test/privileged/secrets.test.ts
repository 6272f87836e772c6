import { lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { RunProject } from "../helpers/run-project.ts";
import { startTsbuild } from "../helpers/start-tsbuild.ts";
import { EXECUTORS } from "./executors.ts";

/** Found nowhere else on the machine, and with what shells and JSON would write otherwise. */
const VALUE = `hunter2-${process.pid}-'"$x\\y-é`;
const OTHER = `another-${process.pid}-value`;

/** What would betray a value: itself, as JSON has it, in hexadecimal, and in base64 at every offset. */
function tracesOf(value: string): readonly Buffer[] {
  const bytes = Buffer.from(value);
  const encoded = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .replaceAll("=", "");
    // The characters at either end hold bits of the neighbours.
    return text.slice(before + 2, -2);
  });
  return [value, JSON.stringify(value).slice(1, -1), bytes.toString("hex"), ...encoded].map((text) =>
    Buffer.from(text),
  );
}

const TRACES = [VALUE, OTHER].flatMap(tracesOf);

function betrays(bytes: Buffer): boolean {
  return [bytes, ...decompressed(bytes)].some((form) => TRACES.some((trace) => form.includes(trace)));
}

function decompressed(bytes: Buffer): readonly Buffer[] {
  try {
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) return [gunzipSync(bytes)];
    if (bytes.length > 4 && bytes.readUInt32LE(0) === 0xfd2fb528) return [zstdDecompressSync(bytes)];
  } catch {
    // It only looked so.
  }
  return [];
}

/** Files of a folder that betray a secret, by name or content. */
function filesBetraying(dir: string): readonly string[] {
  return readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) return filesBetraying(path);
    return stat?.isFile() === true && betrays(Buffer.concat([Buffer.from(name), readFileSync(path)]))
      ? [path]
      : [];
  });
}

function commandLinesBetraying(): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && betrays(readFileSync(`/proc/${pid}/cmdline`));
    } catch {
      return false; // it is gone
    }
  });
}

test("the search finds a value in every form it knows", () => {
  const [raw = Buffer.alloc(0)] = tracesOf(VALUE);
  for (const before of [0, 1, 2, 3]) {
    const hidden = Buffer.concat([Buffer.alloc(before, "x"), raw, Buffer.from("tail")]);
    expect(betrays(Buffer.from(hidden.toString("base64")))).toBe(true);
    expect(betrays(hidden)).toBe(true);
  }
  expect(betrays(Buffer.from("nothing"))).toBe(false);
});

describe.each(EXECUTORS)("secrets under the executor $name", ({ name }) => {
  const USE = `test "$(cat /run/secrets/file)" = "$TOKEN" && test "$(wc -c < /other)" -gt 10 && test "$(stat -c %a:%u /other)" = 440:7`;
  const DOCKERFILE = `FROM busybox
RUN --mount=type=secret,id=file --mount=type=secret,id=file,env=TOKEN \\
    --mount=type=secret,id=variable,target=/other,mode=0440,uid=7,required ${USE} && echo used > /o
RUN test -z "$TOKEN" && ! test -e /run/secrets && ! test -e /other
`;

  function prepare(project: RunProject): {
    readonly args: readonly string[];
    readonly env: Record<string, string>;
  } {
    const file = join(project.folder, "secret-file");
    writeFileSync(file, VALUE);
    return {
      args: [
        `--executor=${name}`,
        `--secret=id=file,src=${file}`,
        "--secret",
        "id=variable,env=TSB_TEST_SECRET",
      ],
      env: { TSB_TEST_SECRET: OTHER },
    };
  }

  test.each(["plain", "json", "rawjson", "tty"])("are nowhere after a build shown as %s", (progress) => {
    using project = new RunProject("secrets");
    const { args, env } = prepare(project);
    project.buildTwice(DOCKERFILE, args, env);
    const failing = `${DOCKERFILE}RUN --mount=type=secret,id=file,env=TOKEN exit 3\n`;
    const shown = project.build(failing, [...args, `--progress=${progress}`, "--debug", "--no-cache"], env);
    expect(shown.status).toBe(1);
    for (const command of [
      ["explain"],
      ["history", "--no-trunc", "made"],
      ["inspect", "made"],
      ["save", "made"],
    ])
      expect(betrays(project.tsbuild(...command).bytes)).toBe(false);
    expect(betrays(Buffer.from(shown.said))).toBe(false);
    expect(filesBetraying(project.home)).toEqual([]);
    expect(project.run("cat", "/o")).toBe("used\n");
  });

  test("are on no disk and no command line while a command has them, nor after a kill", async () => {
    using project = new RunProject("secrets-live");
    const { args, env } = prepare(project);
    const file = join(project.folder, "Dockerfile.live");
    writeFileSync(
      file,
      `FROM busybox\nRUN --mount=type=secret,id=file --mount=type=secret,id=file,env=TOKEN test "$(cat /run/secrets/file)" = "$TOKEN" && echo holding; sleep 1000\n`,
    );
    const build = startTsbuild(["--progress=plain", ...args, "-f", file, project.context], {
      home: project.home,
      env,
    });
    await build.said(/│ holding/);
    expect(commandLinesBetraying()).toEqual([]);
    expect(filesBetraying(project.home)).toEqual([]);
    process.kill(build.pid, "SIGKILL");
    await build.ended;
    expect(filesBetraying(project.home)).toEqual([]);
    expect(project.build("FROM busybox\nRUN true\n").status).toBe(0);
    expect(project.leftovers()).toEqual([]);
  });

  test("are no part of a key: another value is a hit, another id or place is not", () => {
    using project = new RunProject("secret-keys");
    const { args, env } = prepare(project);
    const dockerfile = "FROM busybox\nRUN --mount=type=secret,id=file,target=/there true\nRUN echo > /o\n";
    project.buildTwice(dockerfile, args, env);
    expect(project.build(dockerfile, [`--executor=${name}`]).runs).toEqual(["HIT", "HIT"]);
    const moved = dockerfile.replace("/there", "/elsewhere");
    expect(project.build(moved, args, env).runs).toEqual(["MISS", "HIT"]);
  });
});

test("a required secret that is missing, and a file that is not there, are told before the command runs", () => {
  using project = new RunProject("secret-errors");
  const dockerfile = "FROM busybox\nRUN --mount=type=secret,id=gone,required true\n";
  expect(project.build(dockerfile).error).toMatchObject({ code: "run/no-secret", line: 2 });
  const missing = project.build(dockerfile, ["--secret", "id=gone,src=/nowhere"]);
  expect(missing.said).toContain("run/no-secret");
  expect(missing.runs.includes("MISS")).toBe(false);
  expect(project.build("FROM busybox\nRUN --mount=type=secret,id=gone test ! -e /run\n").status).toBe(0);
  const nul = join(project.folder, "nul");
  writeFileSync(nul, "a\0b");
  const asVariable = project.build("FROM busybox\nRUN --mount=type=secret,id=nul,env=X true\n", [
    `--secret=id=nul,src=${nul}`,
  ]);
  expect(asVariable.error).toMatchObject({ code: "run/no-secret", line: 2 });
});

test("a secret given by its id alone is a variable's value, else a file", () => {
  using project = new RunProject("secret-ids");
  writeFileSync(join(project.folder, "by-file"), "from the file");
  const dockerfile = `FROM busybox
RUN --mount=type=secret,id=by-file --mount=type=secret,id=BY_NAME,target=n --mount=type=secret,source=typed,dst=/t cat /run/secrets/by-file /n /t > /o
`;
  project.buildTwice(
    dockerfile,
    ["--secret=id=by-file", "--secret=id=BY_NAME", "--secret=type=env,id=typed,src=TSB_TYPED"],
    { BY_NAME: " from the variable ", TSB_TYPED: "typed" },
  );
  expect(project.run("cat", "/o")).toBe("from the file from the variable typed");
});
