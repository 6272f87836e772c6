import type { Container } from "../../core/container.ts";
import { BuildError } from "../../core/errors.ts";
import { createEngine } from "../../engine.ts";
import { type ContainerRow, listContainers } from "../../operations/list-containers.ts";
import { formatAge, formatDuration } from "../../progress/format.ts";
import type { Command } from "../command.ts";
import { formatMoment } from "../format-moment.ts";
import { formatRows, type RowFields } from "../format-rows.ts";

const COLUMNS = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"];

export const containerLsCommand: Command = {
  names: ["ps", "container ls", "container ps", "container list"],
  usage: "ps [OPTIONS]",
  summary: "List containers",
  flags: [
    { name: "all", short: "a", help: "Also those that do not run" },
    { name: "quiet", short: "q", help: "Print ids only" },
    { name: "no-trunc", help: "Cut nothing short" },
    { name: "latest", short: "l", help: "The latest one, whether it runs or not" },
    { name: "last", short: "n", value: "NUMBER", help: "The latest so many, whether they run or not" },
    {
      name: "filter",
      short: "f",
      value: "NAME=VALUE",
      many: true,
      help: "id, name, label, exited, status, ancestor, before, since or network",
    },
    { name: "format", value: "FORMAT", help: "table, json, table TEMPLATE, or a Go template" },
    { name: "size", short: "s", help: "", isHidden: true },
  ],
  run: async (args, { env, stdout }) => {
    if (args.positionals.length > 0) {
      throw new BuildError("cli/usage", "ps takes no arguments", {
        hint: "To find one: --filter name=NAME",
      });
    }
    if (args.has("size")) {
      throw new BuildError("cli/not-supported", "--size cannot be had here", {
        hint: "tsbuild diff CONTAINER lists what one has changed.",
      });
    }
    const last = args.has("latest") ? "1" : args.get("last");
    if (last !== undefined && !/^-?\d+$/.test(last)) {
      throw new BuildError("cli/usage", `--last=${last} is no number`);
    }
    await using engine = await createEngine({ env });
    const asked = {
      all: args.has("all"),
      last: last === undefined || Number(last) < 0 ? undefined : Number(last),
      filters: args.all("filter"),
    };
    const rows = listContainers(asked, engine.shop);
    const fields = fieldsOf(args.has("no-trunc"), engine.shop.clock.nowMs());
    const format = args.get("format") ?? (args.has("quiet") ? "{{.ID}}" : undefined);
    stdout.write(formatRows(format, fields, { rows, columns: COLUMNS }));
    return 0;
  },
};

function fieldsOf(isFull: boolean, nowMs: number): RowFields<ContainerRow> {
  return {
    ID: {
      header: "CONTAINER ID",
      value: ({ container }) => (isFull ? container.id : container.id.slice(0, 12)),
    },
    Image: { header: "IMAGE", value: ({ image }) => (isFull ? image : shortImage(image)) },
    Command: {
      header: "COMMAND",
      value: ({ command }) => JSON.stringify(isFull ? command : ellipsis(command, 20)),
    },
    CreatedAt: { header: "CREATED AT", value: ({ container }) => formatMoment(container.created) },
    RunningFor: {
      header: "CREATED",
      value: ({ container }) => formatAge(nowMs - Date.parse(container.created)),
    },
    Status: { header: "STATUS", value: (row) => statusOf(row, nowMs) },
    State: { header: "STATE", value: ({ state }) => state.status },
    Ports: { header: "PORTS", value: ({ container }) => portsOf(container) },
    Names: { header: "NAMES", value: ({ container }) => container.name },
    Labels: {
      header: "LABELS",
      value: ({ container }) =>
        Object.entries(container.config.Labels ?? {})
          .map(([name, value]) => `${name}=${value}`)
          .toSorted()
          .join(","),
    },
    Mounts: {
      header: "MOUNTS",
      value: ({ container }) =>
        container.mounts
          .map((mount) => (mount.type === "bind" ? mount.source : mount.type === "volume" ? mount.name : ""))
          .filter((text) => text !== "")
          .map((text) => (isFull ? text : ellipsis(text, 15)))
          .join(","),
    },
    Networks: { header: "NETWORKS", value: ({ container }) => container.network },
  };
}

/** `Up 3 minutes`, `Exited (0) 2 hours ago`, `Created`. */
function statusOf({ state }: ContainerRow, nowMs: number): string {
  if (state.status === "created") return "Created";
  if (state.status === "running") return `Up ${formatDuration(nowMs - Date.parse(state.startedAt ?? ""))}`;
  return `Exited (${state.exitCode}) ${formatAge(nowMs - Date.parse(state.finishedAt ?? ""))}`;
}

/** Those that are mapped to another port: the others are the machine's own. */
function portsOf({ ports }: Container): string {
  return ports
    .filter(({ hostPort, containerPort }) => hostPort !== containerPort)
    .map(({ hostAddress, hostPort, containerPort }) => `${hostAddress}:${hostPort}->${containerPort}/tcp`)
    .join(", ");
}

function shortImage(text: string): string {
  return /^sha256:[0-9a-f]{64}$/.test(text) ? text.slice("sha256:".length).slice(0, 12) : text;
}

function ellipsis(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, columns - 1)}…`;
}
