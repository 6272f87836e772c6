import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { type ImageRow, listImages } from "../../operations/list-images.ts";
import { formatAge, formatDockerSize, shortId } from "../../progress/format.ts";
import type { Command } from "../command.ts";
import { formatMoment } from "../format-moment.ts";
import { formatRows, type RowFields } from "../format-rows.ts";

const NONE = "<none>";

export const imageLsCommand: Command = {
  names: ["images", "image ls", "image list"],
  usage: "images [OPTIONS] [REPOSITORY[:TAG]]",
  summary: "List images",
  flags: [
    { name: "all", short: "a", help: "Accepted: all images are always listed" },
    { name: "quiet", short: "q", help: "Print ids only" },
    { name: "no-trunc", help: "Print ids in full" },
    { name: "digests", help: "Print the digests of manifests" },
    {
      name: "filter",
      short: "f",
      value: "NAME=VALUE",
      many: true,
      help: "dangling, reference, label, before or since",
    },
    { name: "format", value: "FORMAT", help: "table, json, table TEMPLATE, or a Go template" },
  ],
  run: async (args, { env, stdout }) => {
    const [reference, ...more] = args.positionals;
    if (more.length > 0)
      throw new BuildError("cli/usage", "images takes one name", {
        hint: "Use --filter reference=PATTERN for several.",
      });
    await using engine = await createEngine({ env });
    const rows = listImages({ filters: args.all("filter"), reference }, engine.shop);
    const fields = fieldsOf(args.has("no-trunc"), engine.shop.clock.nowMs());
    const columns = [
      "Repository",
      "Tag",
      ...(args.has("digests") ? ["Digest"] : []),
      "ID",
      "CreatedSince",
      "Size",
    ];
    const format = args.get("format") ?? (args.has("quiet") ? "{{.ID}}" : undefined);
    stdout.write(formatRows(format, fields, { rows, columns }));
    return 0;
  },
};

function fieldsOf(isFull: boolean, nowMs: number): RowFields<ImageRow> {
  return {
    Repository: { header: "REPOSITORY", value: (row) => row.repository ?? NONE },
    Tag: { header: "TAG", value: (row) => row.tag ?? NONE },
    Digest: { header: "DIGEST", value: (row) => row.digest ?? NONE },
    ID: { header: "IMAGE ID", value: ({ image }) => (isFull ? image.id : shortId(image.id)) },
    CreatedSince: {
      header: "CREATED",
      value: ({ image }) => (image.created === null ? "N/A" : formatAge(nowMs - Date.parse(image.created))),
    },
    CreatedAt: { header: "CREATED AT", value: ({ image }) => formatMoment(image.created) },
    Size: { header: "SIZE", value: sizeOf },
    VirtualSize: { header: "SIZE", value: sizeOf },
    SharedSize: { header: "SHARED SIZE", value: () => "N/A" },
    UniqueSize: { header: "UNIQUE SIZE", value: () => "N/A" },
    Containers: { header: "CONTAINERS", value: () => "N/A" },
  };
}

function sizeOf({ image }: ImageRow): string {
  return formatDockerSize(image.sizeBytes);
}
