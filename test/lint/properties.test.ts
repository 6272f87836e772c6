import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BuildError } from "../../src/core/errors.ts";
import { lintText } from "./lint-text.ts";

/** Pieces that Dockerfiles and their oddities are made of. */
const PIECES = [
  ..."FROM RUN COPY ADD ENV ARG LABEL ONBUILD HEALTHCHECK CMD ENTRYPOINT SHELL EXPOSE WORKDIR USER MAINTAINER VOLUME"
    .split(" ")
    .flatMap((word) => [`${word} `, `\n${word} `, `\n${word.toLowerCase()} `]),
  ..."scratch base as AS a A b $a ${a:-b} ${ $TARGETPLATFORM 80/TCP 1:2:3 password=1 a=b 'x \" [ ] <<E E".split(
    " ",
  ),
  "\nE\n",
  "\n",
  "\\\n",
  "`\n",
  "\n# check=skip=all\n",
  "\n# a b\n",
  "--platform=linux/amd64 ",
  "--from=a ",
  "--mount=type=cache,target=$x ",
  " ",
  "\t",
  "\uFEFF",
  "ü",
];

const anyText = fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((pieces) => pieces.join(""));

test.each(["", "FROM scratch\n", "# check=experimental=all\nARG a\nFROM img AS b\n"])(
  "no text behind %j makes the checks fail, and every place is one in the file",
  (start) => {
    fc.assert(
      fc.property(anyText, fc.boolean(), (rest, isKnown) => {
        const text = start + rest;
        const lines = text.replace(/^\uFEFF/, "").split("\n");
        try {
          for (const { at, lines: range } of lintText(text, {
            images: isKnown ? { img: { OnBuild: ["USER $x"], Env: ["x"] } } : {},
            isIgnored: () => true,
          })) {
            expect(at.line).toBeGreaterThanOrEqual(1);
            expect(at.endLine).toBeLessThanOrEqual(lines.length);
            expect(at.column - 1).toBeLessThanOrEqual((lines[at.line - 1] ?? "").length);
            expect(range.start).toBeLessThanOrEqual(range.end);
          }
        } catch (error) {
          // What cannot be read or planned is an error with a place, not the checks' doing.
          if (!(error instanceof BuildError)) throw error;
        }
      }),
      { numRuns: 600 },
    );
  },
);

/** Sizes at which anything quadratic would outlast the test's time. */
describe("no size is too large", () => {
  test.each([
    { name: "stages", text: "FROM scratch AS a\nUSER $x\n".repeat(3_000), least: 5_999 },
    {
      name: "undefined variables of one instruction",
      text: `FROM scratch\nLABEL \\\n${Array.from({ length: 20_000 }, (_, i) => ` l${i}=$v${i} \\\n`).join("")} z=1\n`,
      least: 20_000,
    },
    {
      name: "words that stand nowhere as they are",
      text: `FROM scratch\nLABEL \\\n${Array.from({ length: 10_000 }, (_, i) => `l${i}=$v\\\nw${i} \\\n`).join("")} z=1\n`,
      least: 10_000,
    },
    {
      name: "variables, and as many that are nearly them",
      text: `FROM scratch\n${Array.from({ length: 5_000 }, (_, i) => `ENV name_${i}=1\nUSER $nam_${i}\n`).join("")}`,
      least: 5_000,
    },
    {
      name: "names of a megabyte",
      text: `FROM scratch\nENV ${"a".repeat(60_000)}=1\n${`USER $${"a".repeat(59_999)}\n`.repeat(15)}`,
      least: 15,
    },
    { name: "commands", text: `FROM scratch\n${"CMD a\n".repeat(50_000)}`, least: 99_999 },
    {
      name: "blanks",
      text: `FROM scratch\nWORKDIR a${" ".repeat(60_000)}\nLABEL a=${"$".repeat(50_000)}\n`,
      least: 1,
    },
  ])("$name", ({ text, least }) => {
    expect(lintText(text).length).toBeGreaterThanOrEqual(least);
  });
});
