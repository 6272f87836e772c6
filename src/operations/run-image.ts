import { shortId } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { NetworkMode } from "../core/step.ts";
import { resolveUser } from "../snapshot/users.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { findImage } from "./find-image.ts";
import { singleImage } from "./platform-images.ts";
import { readImageConfig } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

export interface RunImageOptions {
  readonly image: string;
  /** Replaces CMD; with an entrypoint, its arguments. */
  readonly args: readonly string[];
  /** Replaces ENTRYPOINT; "" takes it away. */
  readonly entrypoint?: string | undefined;
  readonly env: readonly string[];
  readonly workdir?: string | undefined;
  readonly user?: string | undefined;
  readonly network: NetworkMode;
  readonly executor: string;
  readonly signal: AbortSignal;
}

/** Runs an image's command once, in a writable copy that is thrown away; resolves to the command's exit code. */
export async function runImage(options: RunImageOptions, shop: Workshop): Promise<number> {
  shop.requireNamespace();
  using _lease = shop.store.openLease("run");
  const { id, manifest } = singleImage(findImage(options.image, shop), undefined, shop);
  const image = readImageConfig(id, shop.store);
  const { config } = image;
  const args = commandOf(options, config.Entrypoint ?? [], config.Cmd ?? []);
  const snapshot = await ensureLayers({ manifest, config: image }, shop, options.signal);
  await using workspace = await (await shop.workspaces()).open(snapshot);
  const user = resolveUser(shop.book.view(snapshot), options.user ?? config.User ?? "");
  const hostname = shortId(id);
  const executor = await shop.executor(options.executor);
  const { exitCode } = await executor.run(
    {
      root: workspace.root,
      args,
      env: environment(options, config.Env ?? [], { home: user.home, hostname }),
      cwd:
        options.workdir ??
        (config.WorkingDir === undefined || config.WorkingDir === "" ? "/" : config.WorkingDir),
      user,
      network: options.network,
      hostname,
      binds: [],
      stdio: "inherit",
      stateDir: workspace.stateDir,
    },
    { signal: options.signal, output: () => undefined },
  );
  return exitCode;
}

function commandOf(
  options: RunImageOptions,
  entrypoint: readonly string[],
  cmd: readonly string[],
): readonly string[] {
  const given = options.entrypoint;
  const head = given === undefined ? entrypoint : given === "" ? [] : [given];
  // A new entrypoint drops the image's CMD, as Docker does.
  const tail = options.args.length > 0 || given !== undefined ? options.args : cmd;
  const args = [...head, ...tail];
  if (args.length > 0) return args;
  throw new BuildError("cli/usage", `${options.image} has no command to run`, {
    hint: "Write one behind its name.",
  });
}

/** Docker's order: the image's, HOSTNAME and HOME where they are not set, then what was asked for. */
function environment(
  options: RunImageOptions,
  env: readonly string[],
  facts: { readonly home: string; readonly hostname: string },
): string[] {
  const values = new Map<string, string>();
  for (const entry of [`HOSTNAME=${facts.hostname}`, `HOME=${facts.home}`, ...env, ...options.env]) {
    const equals = entry.indexOf("=");
    values.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return [...values].map(([name, value]) => `${name}=${value}`);
}
