import { statSync } from "node:fs";
import { parseByteSize } from "../../core/byte-size.ts";
import { BuildError } from "../../core/errors.ts";
import type {
  BuildOptions,
  Entitlement,
  ResourceLimits,
  SecretSource,
  SshSource,
} from "../../operations/types.ts";
import type { FlagSpec, ParsedArgs } from "../args.ts";

/** Flags of `build` that are for its RUN steps. */
export const RUN_FLAGS: readonly FlagSpec[] = [
  {
    name: "secret",
    value: "id=ID[,src=FILE|env=NAME]",
    many: true,
    help: "A secret for RUN --mount=type=secret",
  },
  {
    name: "ssh",
    value: "default|ID[=SOCKET|KEY,…]",
    many: true,
    help: "An SSH agent for RUN --mount=type=ssh",
  },
  {
    name: "allow",
    value: "ENTITLEMENT",
    many: true,
    help: "network.host or security.insecure: what RUN flags may ask for",
  },
  { name: "add-host", value: "NAME:IP", many: true, help: "A line of /etc/hosts in RUN" },
  { name: "shm-size", value: "SIZE", help: "Size of /dev/shm in RUN (64m)" },
  { name: "ulimit", value: "NAME=SOFT[:HARD]", many: true, help: "Limit of RUN, such as nofile=1024:2048" },
  { name: "memory", short: "m", value: "SIZE", help: "Memory of each RUN" },
  { name: "memory-swap", value: "SIZE", help: "Memory and swap of each RUN together; -1: no limit" },
  {
    name: "cpu-shares",
    short: "c",
    value: "N",
    help: "Weight of each RUN where processors are scarce (1024)",
  },
  { name: "cpu-period", value: "MICROSECONDS", help: "Length of a period of --cpu-quota" },
  { name: "cpu-quota", value: "MICROSECONDS", help: "Processor time of each RUN in a period" },
  { name: "cpuset-cpus", value: "LIST", help: "Processors that RUN may use (0-3, 0,1)" },
  { name: "cpuset-mems", value: "LIST", help: "Memory nodes that RUN may use" },
  { name: "cgroup-parent", value: "PATH", help: "Control group to make those of RUN in" },
];

type RunBuildOptions = Pick<
  BuildOptions,
  "secrets" | "ssh" | "allow" | "addHosts" | "shmBytes" | "ulimits" | "limits" | "cgroupParent"
>;

/** What they say. Values of secrets are not looked at; throws `cli/usage`. */
export function readRunFlags(
  args: ParsedArgs,
  env: Readonly<Record<string, string | undefined>>,
): RunBuildOptions {
  return {
    secrets: args.all("secret").map(parseSecret),
    ssh: args.all("ssh").map((text) => parseSsh(text, env)),
    allow: args
      .all("allow")
      .flatMap((text) => text.split(","))
      .map(parseEntitlement),
    addHosts: args.all("add-host").map(parseHost),
    shmBytes: size(args, "shm-size", 1),
    ulimits: parseUlimits(args.all("ulimit")),
    limits: parseLimits(args),
    cgroupParent: parseCgroupParent(args.get("cgroup-parent")),
  };
}

/** Of BuildKit's (buildx: util/buildflags/secrets.go): type=env with src= means the variable. */
function parseSecret(text: string): SecretSource {
  const fields = new Map<string, string>();
  for (const field of text.split(",")) {
    const equals = field.indexOf("=");
    const key = field.slice(0, Math.max(equals, 0)).toLowerCase();
    const name = key === "source" ? "src" : key;
    if (!["id", "src", "env", "type"].includes(name)) {
      throw usage(
        // A value may be the secret itself, written by mistake.
        equals < 0 ? "--secret: a field is not of the form key=value" : `--secret has no option "${key}"`,
        "Write --secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE.",
      );
    }
    fields.set(name, field.slice(equals + 1));
  }
  const id = fields.get("id") ?? "";
  const type = fields.get("type");
  if (id === "") throw usage("--secret: the id is missing", "Write --secret id=NAME,src=FILE.");
  if (type !== undefined && type !== "file" && type !== "env")
    throw usage(`--secret: "${type}" is not a type`, "The types are file and env.");
  const source = fields.get("src");
  const variable = fields.get("env");
  if (variable !== undefined) return { id, env: variable };
  return type === "env" ? { id, env: source ?? id } : { id, file: source };
}

function parseSsh(text: string, env: Readonly<Record<string, string | undefined>>): SshSource {
  const equals = text.indexOf("=");
  const id = equals < 0 ? text : text.slice(0, equals);
  if (id === "") throw usage("--ssh: the id is missing", "Write --ssh default, or --ssh ID=SOCKET.");
  const paths =
    equals < 0
      ? []
      : text
          .slice(equals + 1)
          .split(",")
          .filter((path) => path !== "");
  if (paths.length > 0) {
    const missing = paths.find((path) => statSync(path, { throwIfNoEntry: false }) === undefined);
    if (missing === undefined) return { id, paths };
    throw usage(`--ssh ${id}: there is no ${missing}`, "Name the socket of an agent, or files with keys.");
  }
  const socket = env["SSH_AUTH_SOCK"];
  if (socket !== undefined && socket !== "") return { id, paths: [socket] };
  throw usage(
    `--ssh ${id}: SSH_AUTH_SOCK is not set`,
    `Start an agent (eval $(ssh-agent)), or write --ssh ${id}=KEYFILE.`,
  );
}

function parseEntitlement(text: string): Entitlement {
  if (text === "network.host" || text === "security.insecure") return text;
  throw usage(
    `--allow=${text} is not an entitlement`,
    "The entitlements are network.host and security.insecure.",
  );
}

/** `name:ip` or `name=ip`; an IPv6 address may stand in brackets. */
function parseHost(text: string): { readonly name: string; readonly address: string } {
  const [, name = "", written = ""] = /^([^=:]*)[=:]([^]*)$/.exec(text) ?? [];
  const address = /^\[.*\]$/.test(written) ? written.slice(1, -1) : written;
  if (address === "host-gateway") {
    throw usage(
      "--add-host: there is no host-gateway without a daemon's bridge",
      "RUN shares this machine's network: write 127.0.0.1.",
    );
  }
  if (/^[A-Za-z0-9_.-]+$/.test(name) && isAddress(address)) return { name, address };
  throw usage(`--add-host=${text} is not a name and an address`, "Write --add-host NAME:IP.");
}

/** Not node:net's isIP: loading that would cost a cached build a millisecond. */
function isAddress(text: string): boolean {
  const parts = text.split(".");
  if (parts.length === 4) return parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255);
  return text.includes(":") && !/[[\]%]/.test(text) && URL.canParse(`http://[${text}]/`);
}

const ULIMITS =
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  );

/** As docker/go-units reads them; the last of a name counts. */
function parseUlimits(words: readonly string[]): NonNullable<BuildOptions["ulimits"]> {
  const found = new Map<string, { name: string; soft: number; hard: number }>();
  for (const word of words) {
    const [, name = "", soft = "", hard = soft] = /^(\w+)=(-?\d+)(?::(-?\d+))?$/.exec(word) ?? [];
    const limit = { name, soft: Number(soft), hard: Number(hard) };
    const isOrdered = limit.hard === -1 || (limit.soft !== -1 && limit.soft <= limit.hard);
    if (!ULIMITS.includes(name) || soft === "" || limit.soft < -1 || limit.hard < -1 || !isOrdered)
      throw usage(
        `--ulimit=${word} is not a limit`,
        `Write NAME=SOFT:HARD, the name one of ${ULIMITS.join(", ")}.`,
      );
    found.set(name, limit);
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Docker's own least: below it no command starts. */
const LEAST_MEMORY_BYTES = 6 << 20;

function parseLimits(args: ParsedArgs): ResourceLimits {
  const memoryBytes = size(args, "memory", LEAST_MEMORY_BYTES);
  const memorySwapBytes = args.get("memory-swap") === "-1" ? -1 : size(args, "memory-swap", 1);
  if (memorySwapBytes !== undefined && memoryBytes === undefined)
    throw usage("--memory-swap needs --memory", "It is the sum of both.");
  if (memorySwapBytes !== undefined && memorySwapBytes >= 0 && memorySwapBytes < (memoryBytes ?? 0))
    throw usage("--memory-swap is less than --memory", "It is the sum of memory and swap.");
  return {
    memoryBytes,
    memorySwapBytes,
    cpuShares: whole(args, "cpu-shares", 2),
    cpuPeriod: whole(args, "cpu-period", 1000),
    cpuQuota: whole(args, "cpu-quota", 1000),
    cpusetCpus: list(args, "cpuset-cpus"),
    cpusetMems: list(args, "cpuset-mems"),
  };
}

function parseCgroupParent(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  if (!text.split("/").includes("..") && !text.includes("\0")) return text;
  throw usage(`--cgroup-parent=${text} leads out of the hierarchy`, "Write a path without ..");
}

function size(args: ParsedArgs, name: string, least: number): number | undefined {
  const text = args.get(name);
  if (text === undefined) return undefined;
  const bytes = parseByteSize(text);
  if (bytes === undefined) throw usage(`--${name}=${text} is not a size`, "Write a size such as 512m or 2g.");
  if (bytes >= least) return bytes;
  throw usage(
    `--${name}=${text} is too little`,
    least === 1 ? "Write a size such as 64m." : "The least is 6m.",
  );
}

function whole(args: ParsedArgs, name: string, least: number): number | undefined {
  const text = args.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw usage(`--${name}=${text} is not a number from ${least} on`, `Write --${name}=${least} or more.`);
}

function list(args: ParsedArgs, name: string): string | undefined {
  const text = args.get(name);
  if (text === undefined || /^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) return text;
  throw usage(`--${name}=${text} is not a list of numbers`, `Write --${name}=0-3 or 0,1.`);
}

function usage(message: string, hint: string): BuildError {
  return new BuildError("cli/usage", message, { hint });
}
