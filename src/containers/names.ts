import { randomInt } from "node:crypto";
import { BuildError } from "../core/errors.ts";

const ADJECTIVES =
  "airy amber ample apt azure balmy blithe bold brisk calm candid cheery clear clever cosy crisp deft dusky eager earnest fair festive fleet frank fresh gentle glad golden grand hardy hazel honest humble jolly keen kind lively lucid lunar mellow merry mild modest neat nimble noble patient placid plucky polite proud quick quiet rosy sage serene silent sleek snug solar spry steady stout sunny swift tidy tranquil trusty vivid warm wise witty zesty".split(
    " ",
  );
const NOUNS =
  "acorn alder anchor arbor aspen badger beacon birch brook canyon cedar clover comet coral crane creek cricket dale delta dove dune ember falcon fern finch fjord forge glade grove harbor heron hill hollow island ivy juniper kestrel lagoon lantern larch linden lynx maple marsh meadow mill moss oak orchard otter pebble pine plover prairie quarry quill raven reed ridge river robin sparrow spruce stone summit swan thicket thistle tide valley walnut willow wren".split(
    " ",
  );

/** Two words, as `brisk_heron`; with a digit behind them once that was tried and taken. */
export function randomName(isTaken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt += 1) {
    const words = `${ADJECTIVES[randomInt(ADJECTIVES.length)]}_${NOUNS[randomInt(NOUNS.length)]}`;
    const name = attempt < 3 ? words : `${words}${randomInt(10 ** Math.min(9, attempt - 2))}`;
    if (!isTaken(name)) return name;
  }
}

/** Docker's rule for names. `@` is none of them: `hello@3` is a step of a build. */
export function requireName(text: string): string {
  const name = text.startsWith("/") ? text.slice(1) : text;
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return name;
  throw new BuildError("cli/usage", `"${text}" is no name of a container`, {
    hint: "Names have two characters or more: letters, digits, and behind the first one also _ . and -",
  });
}
