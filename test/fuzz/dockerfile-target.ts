import { requireDigest } from "../../src/core/digest.ts";
import { BuildError } from "../../src/core/errors.ts";
import type { DockerfileAst } from "../../src/dockerfile/ast.ts";
import { renderSource } from "../../src/dockerfile/diagnostics.ts";
import { parseDockerfile } from "../../src/dockerfile/parse.ts";
import { checkSettings } from "../../src/lint/check-settings.ts";
import { Lint } from "../../src/lint/lint.ts";
import { outlineOf } from "../../src/lint/outline.ts";
import { listTargets } from "../../src/lint/targets.ts";
import { planBuild } from "../../src/plan/plan.ts";
import { buildStageGraph } from "../../src/plan/stages.ts";
import { imageKey, type PlanOptions, type ResolvedBase } from "../../src/plan/types.ts";
import { renderErrorBlock } from "../../src/progress/error-block.ts";
import { corpusFiles, corpusTable } from "./corpus.ts";
import type { FuzzTarget } from "./target.ts";

const LINUX = { os: "linux", architecture: "amd64" };
const OPTIONS: PlanOptions = {
  buildArgs: { A: "1", HTTP_PROXY: "http://proxy" },
  labels: { l: "v" },
  platform: LINUX,
  buildPlatform: LINUX,
  network: "host",
};
/** Rounds of finding bases: a trigger that names an image whose trigger names an image … */
const MAX_ROUNDS = 12;
/** A message is read by people. What is longer holds somebody's whole file. */
const MAX_MESSAGE = 1000;

const PIECES = [
  "FROM a\n",
  "FROM a AS b\n",
  "FROM --platform=$BUILDPLATFORM ${A:-x}\n",
  "RUN ",
  "COPY --from=b ",
  "COPY --chown=1:2 --link a b /c\n",
  "ADD x /\n",
  "ENV A=1 B=\"$A x\" C='$B'\n",
  "ARG A\nARG B=${A:+x}\n",
  "ARG ",
  "ARG constructor\nENV x=$constructor\n",
  "__proto__",
  "ARG X=$A$A\nARG A=$X$X\n",
  "LABEL a=b ",
  "ONBUILD ",
  "HEALTHCHECK --interval=5s --retries=3 CMD x\n",
  'CMD ["a", "b"]\n',
  'SHELL ["/bin/sh"]\n',
  "EXPOSE 80 8000-8010/tcp\n",
  'VOLUME ["/v"]\n',
  "USER 1:2\n",
  "WORKDIR $A/x\n",
  "STOPSIGNAL RTMIN+1\n",
  "MAINTAINER m\n",
  "ENTRYPOINT x\n",
  "# escape=`\n",
  "# syntax=x\n",
  "# check=skip=all\n",
  "\\\n",
  "`\n",
  "<<EOF\n",
  "<<-'E' <<F /x\n",
  "EOF\n",
  "--mount=type=bind,from=b,target=/x ",
  "--network=none ",
  "${a:-",
  "${a#*",
  "${a//\\*/",
  "${a%%?}",
  "}",
  "\ufeff",
  "\u00a0",
  "é",
  "😀",
];

/** Text to step graph: parse, find bases (each has a trigger of its own), plan; and the drawing of what went wrong. */
export function openTarget(): FuzzTarget {
  return {
    seeds: [
      ...corpusFiles((name) => name.toLowerCase().includes("dockerfile")),
      ...corpusTable("lexer.json").map((row) => Buffer.from(`FROM a\nENV X=${String(row["input"])}\n`)),
    ],
    pieces: PIECES.map((text) => Buffer.from(text)),
    maxBytes: 256 * 1024,
    run: (input) => {
      const text = input.toString("utf8");
      try {
        return plan(parseDockerfile({ name: "Dockerfile", text }));
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
        checkError(error, text);
        return `${error.code} ${error.message.replaceAll(/"[^]*"|\d+/g, "…").slice(0, 60)}`;
      }
    },
    [Symbol.dispose]: () => undefined,
  };
}

function plan(ast: DockerfileAst): string {
  const bases = new Map<string, ResolvedBase>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const graph = buildStageGraph(ast, OPTIONS, bases);
    if (graph.missing.length === 0) {
      const { buildArgs } = OPTIONS;
      const lint = new Lint(ast, OPTIONS, checkSettings(ast, buildArgs));
      lint.checkStages({ ast, graph, bases, buildArgs, isIgnored: (path) => path.length % 2 === 0 });
      lint.findings();
      outlineOf({ ast, graph, bases, buildArgs });
      listTargets(ast);
      const { steps, target } = planBuild(ast, graph, OPTIONS, bases);
      const kinds = [...new Set([...steps.values()].map((step) => step.op.type))].toSorted();
      return `planned ${kinds.join()} ${Object.keys(target.config).toSorted().join()}`;
    }
    for (const { name, platform } of graph.missing) bases.set(imageKey(name, platform), baseImage(round));
  }
  return "no end of bases";
}

function baseImage(round: number): ResolvedBase {
  const OnBuild = round === 0 ? ["COPY --from=other . /t", "RUN x"] : [];
  return {
    image: requireDigest(`sha256:${"0".repeat(64)}`),
    config: {
      ...LINUX,
      config: { Env: ["PATH=/bin", "A=base"], OnBuild },
      rootfs: { type: "layers", diff_ids: [] },
      history: [],
    },
  };
}

/** One cause on one line, with a next step, at a place that can be drawn. */
function checkError(error: BuildError, text: string): void {
  const { at, hint = "" } = error.details;
  if (error.message.length > MAX_MESSAGE) throw new Error(`a message of ${error.message.length} characters`);
  if (hint.length > MAX_MESSAGE) throw new Error(`a hint of ${hint.length} characters`);
  if (hint === "") throw new Error(`no hint: ${error.code}`);
  const source = { name: "Dockerfile", text };
  if (at !== undefined && renderSource(source, at, error.details.label).length === 0)
    throw new Error(`a place outside the file: ${error.code}`);
  renderErrorBlock(error, { source, colours: false, columns: 80 });
}
