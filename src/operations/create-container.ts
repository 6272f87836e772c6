import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { volumePath } from "../containers/mounts-of.ts";
import { randomName, requireName } from "../containers/names.ts";
import { parseEnv, parseLabels, readEnvFile } from "../containers/parse-env.ts";
import { parseMount, parseVolume, requireDistinct } from "../containers/parse-mounts.ts";
import { parsePort } from "../containers/parse-ports.ts";
import { requireSignal } from "../containers/signals.ts";
import { type BytePath, decodePath, encodePath, joinPath } from "../core/byte-path.ts";
import type { Container, ContainerMount, PortMapping } from "../core/container.ts";
import { BuildError } from "../core/errors.ts";
import type { ContainerConfig, ImageConfig } from "../core/image.ts";
import type { NetworkMode } from "../core/step.ts";
import type { RootView } from "../snapshot/root-view.ts";
import { writePaths } from "../steps/unpack-snapshot.ts";
import { ensureLayers } from "./ensure-layers.ts";
import { findImage } from "./find-image.ts";
import { singleImage } from "./platform-images.ts";
import { readImageConfig } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

export interface CreateContainerOptions {
  readonly image: string;
  /** Replaces CMD; with an entrypoint, its arguments. */
  readonly args: readonly string[];
  readonly name?: string | undefined;
  /** Replaces ENTRYPOINT; "" takes it away. */
  readonly entrypoint?: string | undefined;
  /** As after -e: `NAME=VALUE`, or `NAME` for the caller's own. */
  readonly env: readonly string[];
  readonly envFiles: readonly string[];
  readonly labels: readonly string[];
  readonly workdir?: string | undefined;
  readonly user?: string | undefined;
  readonly hostname?: string | undefined;
  readonly stopSignal?: string | undefined;
  readonly hasTerminal: boolean;
  readonly opensStdin: boolean;
  readonly network: NetworkMode;
  /** As after -p, -v and --mount. */
  readonly ports: readonly string[];
  readonly volumes: readonly string[];
  readonly mounts: readonly string[];
  /** For relative paths. */
  readonly cwd: string;
  readonly readOnlyRoot: boolean;
  readonly autoRemove: boolean;
  readonly executor: string;
  readonly signal: AbortSignal;
}

/** Makes a container of an image of the store, and starts nothing. */
export async function createContainer(options: CreateContainerOptions, shop: Workshop): Promise<Container> {
  const { store } = shop;
  const asked = readOptions(options, shop.env);
  shop.requireNamespace();
  using _lease = store.openLease("create");
  const { id: imageId, manifest } = singleImage(findImage(options.image, shop), undefined, shop);
  const imageConfig = readImageConfig(imageId, store);
  const config = mergeConfig(options, asked.env, imageConfig);
  const snapshot = await ensureLayers({ manifest, config: imageConfig }, shop, options.signal);
  const id = randomBytes(32).toString("hex");
  const taken = new Set(store.containers.list().map(({ container }) => container.name));
  const container: Container = {
    id,
    name: asked.name ?? randomName((name) => taken.has(name)),
    created: new Date(shop.clock.nowMs()).toISOString(),
    image: { id: imageId, reference: options.image, config: imageConfig },
    snapshot,
    config,
    hostname: options.hostname ?? id.slice(0, 12),
    hasTerminal: options.hasTerminal,
    opensStdin: options.opensStdin,
    network: options.network,
    ports: asked.ports,
    mounts: [...volumesOf(config, asked.mounts), ...asked.mounts],
    readOnlyRoot: options.readOnlyRoot,
    autoRemove: options.autoRemove,
    executor: options.executor,
  };
  const hasVolumes = container.mounts.some(({ type }) => type === "volume");
  const view = hasVolumes ? await shop.book.readable(snapshot) : undefined;
  store.containers.create(container, (dir) => {
    if (view !== undefined) fillVolumes(container, dir, view);
  });
  return container;
}

interface Asked {
  readonly name: string | undefined;
  readonly env: readonly string[];
  readonly ports: readonly PortMapping[];
  readonly mounts: readonly ContainerMount[];
}

function readOptions(options: CreateContainerOptions, env: Workshop["env"]): Asked {
  if (options.stopSignal !== undefined) requireSignal(options.stopSignal);
  return {
    name: options.name === undefined ? undefined : requireName(options.name),
    env: [
      ...options.envFiles.flatMap((path) => readEnvFile(resolve(options.cwd, path), env)),
      ...options.env.flatMap((word) => parseEnv(word, env)),
    ],
    ports: options.ports.map((text) => parsePort(text, options.network)),
    mounts: requireDistinct([
      ...options.volumes.map((text) => parseVolume(text, options.cwd)),
      ...options.mounts.map((text) => parseMount(text, options.cwd)),
    ]),
  };
}

/** Docker's rules (runconfig): what was asked for wins; a new entrypoint drops the image's CMD; labels and variables add up. */
function mergeConfig(
  options: CreateContainerOptions,
  env: readonly string[],
  image: ImageConfig,
): ContainerConfig {
  const { Entrypoint, Cmd, Env = [], Labels = {}, OnBuild: _forBuilds, ...rest } = image.config;
  const given = options.entrypoint;
  const entrypoint = given === undefined ? Entrypoint : given === "" ? [] : [given];
  const command = options.args.length > 0 || given !== undefined ? options.args : Cmd;
  if ((entrypoint ?? []).length + (command ?? []).length === 0) {
    throw new BuildError("cli/usage", `${options.image} has no command to run`, {
      hint: "Write one behind its name.",
    });
  }
  const names = new Set(env.map(nameOf));
  return {
    ...rest,
    Env: [...lastOfEach(env), ...Env.filter((entry) => !names.has(nameOf(entry)))],
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(command === undefined ? {} : { Cmd: command }),
    Labels: { ...Labels, ...parseLabels(options.labels) },
    ...(options.user === undefined ? {} : { User: options.user }),
    ...(options.workdir === undefined ? {} : { WorkingDir: options.workdir }),
    ...(options.stopSignal === undefined ? {} : { StopSignal: options.stopSignal }),
  };
}

function nameOf(entry: string): string {
  return entry.slice(0, entry.indexOf("="));
}

function lastOfEach(env: readonly string[]): readonly string[] {
  return [...new Map(env.map((entry) => [nameOf(entry), entry])).values()];
}

/** A volume for each VOLUME of the image that nothing else is mounted on. */
function volumesOf(config: ContainerConfig, mounts: readonly ContainerMount[]): readonly ContainerMount[] {
  const covered = new Set(mounts.map(({ target }) => encodePath(target)));
  return Object.keys(config.Volumes ?? {})
    .toSorted()
    .filter((target) => !covered.has(encodePath(target)))
    .map((target) => ({
      type: "volume",
      name: randomBytes(32).toString("hex"),
      target: `/${decodePath(encodePath(target))}`,
      readOnly: false,
    }));
}

/** A volume begins as what the image has there, as Docker's do. */
function fillVolumes(container: Container, dir: string, view: RootView): void {
  mkdirSync(join(dir, "volumes"), { mode: 0o755 });
  for (const mount of container.mounts) {
    if (mount.type !== "volume") continue;
    const place = volumePath(dir, mount.name);
    const path = view.resolve(encodePath(mount.target), true);
    if (path === undefined || view.facts(path)?.type !== "dir") {
      mkdirSync(place, { mode: 0o755 });
      continue;
    }
    const whole = `${place}.new`;
    mkdirSync(whole, { mode: 0o755 });
    writePaths(view, pathsBelow(view, path), whole);
    mkdirSync(dirname(place), { recursive: true });
    renameSync(Buffer.concat([Buffer.from(`${whole}/`), Buffer.from(path, "latin1")]), place);
  }
}

function pathsBelow(view: RootView, dir: BytePath): readonly BytePath[] {
  return [
    dir,
    ...view.names(dir).flatMap((name) => {
      const path = joinPath(dir, name);
      return view.facts(path)?.type === "dir" ? pathsBelow(view, path) : [path];
    }),
  ];
}
