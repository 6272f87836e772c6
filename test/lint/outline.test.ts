import { describe, expect, test } from "vitest";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { outlineDocument, targetsDocument } from "../../src/lint/documents.ts";
import { outlineOf } from "../../src/lint/outline.ts";
import { listTargets } from "../../src/lint/targets.ts";
import { buildStageGraph } from "../../src/plan/stages.ts";
import { basesOf, planOptions } from "./lint-text.ts";

const TEXT = `ARG inherited=box
ARG other=box2
ARG unused=abc\${other}
# sfx ends the name
ARG sfx="usy\${inherited}"

FROM b\${sfx} AS first
# of nothing in particular
ARG FOO=123
# BAR is a number
ARG BAR=456
RUN --mount=type=secret,id=first\${BAR},required x
RUN --mount=type=secret,target=/run/token --mount=type=ssh x
RUN --mount=type=cache,target=/root/.cache --mount=type=cache,id=npm,target=/n x

FROM img\${unused} AS second
ARG BAZ
RUN --mount=type=secret,id=elsewhere --mount=type=ssh,id=other x

FROM scratch AS third
ARG ABC=a inherited

# target is what is built
FROM third AS target
COPY --from=first /a /
ENV V=1
ARG ABC=\${V}b
ONBUILD ARG later

FROM second
`;

function outline(target: string | undefined, buildArgs: Record<string, string> = {}) {
  const ast = parseDockerfile({ name: "Dockerfile", text: TEXT });
  const given = { buildArgs, ...(target === undefined ? { asBuild: true } : { target }) };
  const images = { busybox: {}, imgabcbox2: {} };
  const bases = basesOf({ images });
  const graph = buildStageGraph(ast, planOptions(given), bases);
  return outlineOf({ ast, graph, bases, buildArgs });
}

describe("outline", () => {
  test("lists the ARGs of the target and of what it needs, with values, descriptions and lines", () => {
    const { name, description, args } = outline("target", { BAR: "678" });
    expect({ name, description }).toEqual({ name: "target", description: "is what is built" });
    expect(args.map((arg) => [arg.name, arg.value, arg.description, arg.lines.start])).toEqual([
      ["inherited", "box", undefined, 1],
      ["sfx", "usybox", "ends the name", 5],
      ["FOO", "123", undefined, 9],
      ["BAR", "678", "is a number", 11],
      // The nearest to the target counts.
      ["ABC", "1b", undefined, 27],
    ]);
  });

  test("lists secrets, ssh agents and caches, with variables in their names", () => {
    const { secrets, ssh, caches } = outline("target");
    expect(secrets.map((each) => [each.name, each.isRequired, each.lines.start])).toEqual([
      ["first456", true, 12],
      ["token", false, 13],
    ]);
    expect(ssh.map((each) => [each.name, each.isRequired])).toEqual([["default", false]]);
    expect(caches.map((each) => each.name)).toEqual(["/root/.cache", "npm"]);
  });

  test("of the last stage where no target is named, without those that it does not need", () => {
    const { name, args, secrets, ssh } = outline(undefined);
    expect(name).toBeUndefined();
    expect(args.map((arg) => arg.name)).toEqual(["other", "unused", "BAZ"]);
    expect(secrets.map((each) => each.name)).toEqual(["elsewhere"]);
    expect(ssh.map((each) => each.name)).toEqual(["other"]);
  });

  test("the document has BuildKit's fields, and leaves out what is empty", () => {
    expect(outlineDocument(outline("target"), { name: "Dockerfile", text: "x" })).toMatchObject({
      name: "target",
      description: "is what is built",
      args: [
        { name: "inherited", value: "box", location: { ranges: [{ start: { line: 1 }, end: { line: 1 } }] } },
        { name: "sfx", description: "ends the name" },
        {},
        {},
        {},
      ],
      secrets: [{ name: "first456", required: true }, { name: "token" }],
      ssh: [{ name: "default" }],
      cache: [{ ID: "/root/.cache" }, { ID: "npm" }],
      sources: ["eA=="],
    });
    const bare = parseDockerfile({ name: "Dockerfile", text: "FROM scratch\n" });
    const graph = buildStageGraph(bare, planOptions(), new Map());
    const document = outlineDocument(outlineOf({ ast: bare, graph, bases: new Map(), buildArgs: {} }), bare);
    expect(Object.keys(document)).toEqual(["sources"]);
  });
});

test("targets are the stages in their order, the last one marked", () => {
  const ast = parseDockerfile({
    name: "Dockerfile",
    text: "# a does it\nFROM --platform=$X img AS a\nFROM a\n",
  });
  const targets = listTargets(ast);
  expect(targets).toEqual([
    {
      name: "a",
      isDefault: false,
      description: "does it",
      base: "img",
      platform: "$X",
      lines: { start: 2, end: 2 },
    },
    {
      name: undefined,
      isDefault: true,
      description: undefined,
      base: "a",
      platform: undefined,
      lines: { start: 3, end: 3 },
    },
  ]);
  expect(targetsDocument(targets, ast)).toMatchObject({
    targets: [
      { name: "a", description: "does it", base: "img", platform: "$X" },
      { default: true, base: "a" },
    ],
  });
});
