import type { Flag } from "./ast.ts";
import { type Word, wordRange } from "./logical-line.ts";
import type { DockerfileNode } from "./node.ts";
import { nodeError } from "./node-error.ts";
import { quote } from "./quote.ts";
import { suggest } from "./suggest.ts";

type FlagKind = "switch" | "text" | "list";

/** Every flag BuildKit knows (BuildKit: instructions/parse.go and commands_run*.go). */
const FLAGS: Readonly<Record<string, Readonly<Record<string, FlagKind>>>> = {
  FROM: { platform: "text" },
  COPY: { chown: "text", from: "text", chmod: "text", link: "switch", exclude: "list", parents: "switch" },
  ADD: {
    chown: "text",
    chmod: "text",
    link: "switch",
    "keep-git-dir": "switch",
    checksum: "text",
    unpack: "switch",
    exclude: "list",
  },
  RUN: { mount: "list", network: "text", security: "text", device: "list" },
  HEALTHCHECK: {
    interval: "text",
    timeout: "text",
    "start-period": "text",
    "start-interval": "text",
    retries: "text",
  },
};

/** The flags of an instruction, held against those it knows. A switch's value comes out as `true` or `false`. */
export function readFlags(node: DockerfileNode): Flag[] {
  const known = FLAGS[node.keyword] ?? {};
  const seen = new Set<string>();
  return node.flags.map((word) => {
    const flag = splitFlag(node, word);
    const kind = Object.hasOwn(known, flag.name) ? known[flag.name] : undefined;
    if (kind === undefined) throw unknownFlag(node, word, Object.keys(known));
    if (seen.has(flag.name) && kind !== "list") {
      throw nodeError(node, `${node.keyword} --${flag.name} is given twice`, {
        code: "dockerfile/bad-flag",
        word,
        hint: "Keep one of them.",
      });
    }
    seen.add(flag.name);
    return kind === "switch" ? readSwitch(node, flag, word) : requireValue(node, flag, word);
  });
}

/** The flags of an instruction that BuildKit does not look at. */
export function unreadFlags(node: DockerfileNode): Flag[] {
  return node.flags.map((word) => splitFlag(node, word));
}

function splitFlag(node: DockerfileNode, word: Word): Flag {
  const equals = word.text.indexOf("=");
  const at = wordRange(node.line, word);
  return equals < 0
    ? { name: word.text.slice(2), value: undefined, at }
    : { name: word.text.slice(2, equals), value: word.text.slice(equals + 1), at };
}

function unknownFlag(node: DockerfileNode, word: Word, known: readonly string[]) {
  const { keyword } = node;
  const name = word.text.slice(2).replace(/=[^]*$/, "");
  const near = suggest(name, known);
  const all = known.map((flag) => `--${flag}`).join(", ");
  const owner = Object.keys(FLAGS).find((other) => Object.hasOwn(FLAGS[other] ?? {}, name));
  const hints = [
    ...(near === undefined ? [] : [`Did you mean --${near}?`]),
    known.length === 0 ? `${keyword} takes no flags.` : `${keyword} knows ${all}.`,
    ...(near === undefined && owner !== undefined ? [`--${name} belongs to ${owner}.`] : []),
  ];
  return nodeError(node, `${keyword} has no flag --${name}`, {
    code: "dockerfile/unknown-flag",
    word: { ...word, end: Math.min(word.end, word.start + 2 + name.length) },
    hint: hints.join(" "),
  });
}

function readSwitch(node: DockerfileNode, flag: Flag, word: Word): Flag {
  const value = flag.value?.toLowerCase();
  if (value === undefined || value === "true" || value === "false") return { ...flag, value };
  throw nodeError(node, `${node.keyword} --${flag.name} is true or false, not ${quote(flag.value ?? "")}`, {
    code: "dockerfile/bad-flag",
    word,
    hint: `Write --${flag.name}, or --${flag.name}=false.`,
  });
}

function requireValue(node: DockerfileNode, flag: Flag, word: Word): Flag {
  if (flag.value !== undefined) return flag;
  throw nodeError(node, `${node.keyword} --${flag.name} has no value`, {
    code: "dockerfile/bad-flag",
    word,
    hint: `Write --${flag.name}=…: the value stands behind an =, not behind a blank.`,
  });
}
