import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { findImage } from "../../operations/find-image.ts";
import { type HistoryRow, imageHistory } from "../../operations/image-history.ts";
import { formatAge, formatDockerSize, shortId } from "../../progress/format.ts";
import type { Command } from "../command.ts";
import { formatRows, type RowFields } from "../format-rows.ts";

const MISSING = "<missing>";
/** Docker cuts CREATED BY to this many characters. */
const CREATED_BY_CHARACTERS = 45;

export const imageHistoryCommand: Command = {
  names: ["history", "image history"],
  usage: "history [OPTIONS] IMAGE",
  summary: "Show the steps that an image is made of, the last one first",
  flags: [
    { name: "no-trunc", help: "Print ids and instructions in full" },
    { name: "quiet", short: "q", help: "Print ids only" },
    { name: "human", short: "H", help: "Sizes and dates for people (the default; --human=false for tools)" },
    { name: "format", value: "FORMAT", help: "table, json, table TEMPLATE, or a Go template" },
  ],
  run: async (args, { env, stdout }) => {
    const [name, ...more] = args.positionals;
    if (name === undefined || more.length > 0)
      throw new BuildError("cli/usage", "history takes one image", {
        hint: "Write: tsbuild history hello:1.0.0",
      });
    await using engine = await createEngine({ env });
    const rows = imageHistory(findImage(name, engine.shop), engine.shop);
    const isHuman = args.get("human") !== "false";
    const fields = fieldsOf({ isFull: args.has("no-trunc"), isHuman, nowMs: engine.shop.clock.nowMs() });
    const columns = ["ID", isHuman ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"];
    const format = args.get("format") ?? (args.has("quiet") ? "{{.ID}}" : undefined);
    stdout.write(formatRows(format, fields, { rows, columns }));
    return 0;
  },
};

function fieldsOf(how: {
  readonly isFull: boolean;
  readonly isHuman: boolean;
  readonly nowMs: number;
}): RowFields<HistoryRow> {
  return {
    ID: { header: "IMAGE", value: ({ id }) => (id === null ? MISSING : how.isFull ? id : shortId(id)) },
    CreatedSince: {
      header: "CREATED",
      value: ({ created }) => (created === null ? "N/A" : formatAge(how.nowMs - Date.parse(created))),
    },
    CreatedAt: {
      header: "CREATED AT",
      value: ({ created }) => (created === null ? "N/A" : `${new Date(created).toISOString().slice(0, 19)}Z`),
    },
    CreatedBy: {
      header: "CREATED BY",
      value: ({ createdBy }) => cut(createdBy.replaceAll("\t", " "), how.isFull),
    },
    Size: {
      header: "SIZE",
      value: ({ sizeBytes }) => (how.isHuman ? formatDockerSize(sizeBytes) : String(sizeBytes)),
    },
    Comment: { header: "COMMENT", value: ({ comment }) => comment },
  };
}

function cut(text: string, isFull: boolean): string {
  const characters = Array.from(text);
  if (isFull || characters.length <= CREATED_BY_CHARACTERS) return text;
  return `${characters.slice(0, CREATED_BY_CHARACTERS - 1).join("")}…`;
}
