import { BuildError } from "../../core/errors.ts";
import { type FoundRepository, searchRegistry } from "../../operations/search-registry.ts";
import type { Command } from "../command.ts";
import { formatRows, type RowFields } from "../format-rows.ts";
import { AUTH_FILE_FLAG } from "./registry-flags.ts";

const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 100;
const SHORT_CHARACTERS = 45;

export const searchCommand: Command = {
  names: ["search"],
  usage: "search [OPTIONS] [HOST/]TERM",
  summary: "Find repositories on Docker Hub, or in a registry that lists its own",
  flags: [
    { name: "limit", value: "N", help: `Most results (${DEFAULT_LIMIT}; at most ${MAX_LIMIT})` },
    { name: "filter", short: "f", value: "KEY=VALUE", many: true, help: "is-official=true, stars=N" },
    { name: "no-trunc", help: "Whole descriptions" },
    { name: "format", value: "FORMAT", help: "table, json, or a template over .Name and the like" },
    AUTH_FILE_FLAG,
  ],
  run: async (args, { env, signal, stdout }) => {
    const [term, ...more] = args.positionals;
    if (term === undefined || more.length > 0) throw usage("search takes one term");
    const limit = Number(args.get("limit") ?? DEFAULT_LIMIT);
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
      throw usage(`--limit is not a number from 1 to ${MAX_LIMIT}`);
    const keeps = args.all("filter").map(toFilter);
    const how = { env, signal, limit, authFile: args.get("authfile") };
    const rows = (await searchRegistry(term, how)).filter((row) => keeps.every((keep) => keep(row)));
    const fields = fieldsOf(args.has("no-trunc"));
    const columns = ["Name", "Description", "StarCount", "IsOfficial"];
    stdout.write(formatRows(args.get("format"), fields, { rows, columns }));
    return 0;
  },
};

function fieldsOf(whole: boolean): RowFields<FoundRepository> {
  const short = (text: string) =>
    whole || text.length <= SHORT_CHARACTERS ? text : `${text.slice(0, SHORT_CHARACTERS - 1)}…`;
  return {
    Name: { header: "NAME", value: ({ name }) => name },
    // What strangers wrote: one line, and nothing that a terminal would act on.
    Description: {
      header: "DESCRIPTION",
      value: ({ description = "" }) => short(description.replaceAll(/[\p{Cc}\s]+/gu, " ")),
    },
    StarCount: { header: "STARS", value: ({ stars }) => (stars === undefined ? "" : String(stars)) },
    IsOfficial: { header: "OFFICIAL", value: ({ isOfficial }) => (isOfficial ? "[OK]" : "") },
  };
}

function toFilter(text: string): (row: FoundRepository) => boolean {
  const [key, value = ""] = text.split("=");
  if (key === "is-official" && ["true", "false"].includes(value))
    return ({ isOfficial }) => isOfficial === (value === "true");
  if (key === "stars" && /^\d+$/.test(value)) return ({ stars = 0 }) => stars >= Number(value);
  throw usage(`--filter ${text} is not known; there are is-official=true and stars=N`);
}

function usage(message: string): BuildError {
  return new BuildError("cli/usage", message, { hint: "Write: tsbuild search debian" });
}
