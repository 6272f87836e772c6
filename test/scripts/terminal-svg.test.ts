import { expect, test } from "vitest";
import { drawTerminal } from "../../scripts/terminal-svg.ts";

test("each run of a style is a text of its own at its column, markup made harmless", () => {
  const svg = drawTerminal("\u001b[34m HIT \u001b[0m <a> & b\n\u001b[1;92mMISS\u001b[22;39m x   y\n", 40);
  const texts = [...svg.matchAll(/<text ([^>]*)>([^]*?)<\/text>/g)].map(([, attributes, text]) => [
    text,
    attributes,
  ]);
  expect(texts).toEqual([
    ["HIT", 'x="24.4" y="31" textLength="25.2" fill="#61afef"'],
    ["&lt;a> &amp; b", 'x="66.4" y="31" textLength="58.8"'],
    ["MISS", 'x="16.0" y="51" textLength="33.6" fill="#b5e890" font-weight="bold"'],
    ["x", 'x="58.0" y="51" textLength="8.4"'],
    ["y", 'x="91.6" y="51" textLength="8.4"'],
  ]);
});

test.each([
  { name: "of the cube", codes: "38;5;208", colour: "rgb(255,135,0)" },
  { name: "of the greys", codes: "38;5;240", colour: "rgb(88,88,88)" },
  { name: "in full", codes: "38;2;1;2;3", colour: "rgb(1,2,3)" },
  { name: "beside a background", codes: "48;5;1;31", colour: "#e06c75" },
])("a colour $name", ({ codes, colour }) => {
  expect(drawTerminal(`\u001b[${codes}mx`, 10)).toContain(`fill="${colour}">x<`);
});
