import { BuildError } from "../../core/errors.ts";
import { formatFamiliar, parseReference } from "../../core/reference.ts";
import { registryTags } from "../../operations/registry-tags.ts";
import type { Command } from "../command.ts";
import { formatRows, type RowFields } from "../format-rows.ts";
import { AUTH_FILE_FLAG } from "./registry-flags.ts";

interface TagRow {
  readonly name: string;
  readonly tag: string;
}

const FIELDS: RowFields<TagRow> = {
  Name: { header: "NAME", value: ({ name }) => name },
  Tag: { header: "TAG", value: ({ tag }) => tag },
};

export const tagsLsCommand: Command = {
  names: ["tags ls", "tags list", "tags"],
  usage: "tags ls [OPTIONS] REPOSITORY",
  summary: "List the tags that a repository has in its registry, sorted, a line each",
  flags: [
    { name: "limit", value: "N", help: "No more than so many" },
    { name: "format", value: "FORMAT", help: "table, json, or a template over .Name and .Tag" },
    AUTH_FILE_FLAG,
  ],
  run: async (args, { env, signal, stdout }) => {
    const [name, ...more] = args.positionals;
    if (name === undefined || more.length > 0)
      throw new BuildError("cli/usage", "tags ls takes one repository", {
        hint: "Write: tsbuild tags ls localhost:5000/team/app",
      });
    const limit = args.get("limit");
    if (limit !== undefined && !/^[1-9]\d{0,8}$/.test(limit))
      throw new BuildError("cli/usage", `--limit=${limit} is no number from 1 on`, {
        hint: "Leave it out for all.",
      });
    const how = { env, signal, authFile: args.get("authfile") };
    const references = await registryTags(parseReference(name), how);
    const rows = references
      .slice(0, limit === undefined ? undefined : Number(limit))
      .map((reference) => ({ name: formatFamiliar(reference), tag: reference.tag ?? "" }));
    const format = args.get("format") ?? "{{.Tag}}";
    stdout.write(formatRows(format, FIELDS, { rows, columns: ["Name", "Tag"] }));
    return 0;
  },
};
