import { join } from "node:path";
import { commandOf } from "../containers/command-of.ts";
import { volumePath } from "../containers/mounts-of.ts";
import type { Container, ContainerMount, ContainerState } from "../core/container.ts";
import { formatPlatform } from "../core/platform.ts";
import type { StoredContainer } from "../store/container-directory.ts";
import type { Workshop } from "./workshop.ts";

/** Go's zero time. */
const NEVER = "0001-01-01T00:00:00Z";

/** A container as `docker container inspect` shows it: its field names, in its order, as far as there is something to say. */
export function inspectContainer(
  { container, state }: StoredContainer,
  shop: Workshop,
): Readonly<Record<string, unknown>> {
  const dir = shop.store.containers.dirOf(container.id);
  const [path = "", ...args] = commandOf(container.config);
  return {
    Id: container.id,
    Created: container.created,
    Path: path,
    Args: args,
    State: stateOf(state),
    Image: container.image.id,
    LogPath: join(dir, "log"),
    Name: `/${container.name}`,
    RestartCount: 0,
    Driver: "tsbuild",
    Platform: container.image.config.os,
    HostConfig: hostConfigOf(container),
    GraphDriver: { Name: "tsbuild", Data: { WorkDir: join(dir, "work") } },
    Mounts: container.mounts.map((mount) => mountOf(mount, dir)),
    Config: configOf(container),
    NetworkSettings: { Ports: portsOf(container), Networks: { [container.network]: {} } },
    ImagePlatform: formatPlatform(container.image.config),
  };
}

function stateOf(state: ContainerState): object {
  return {
    Status: state.status,
    Running: state.status === "running",
    Paused: false,
    Restarting: false,
    OOMKilled: false,
    Dead: false,
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt ?? NEVER,
    FinishedAt: state.finishedAt ?? NEVER,
  };
}

function configOf({ config, hostname, hasTerminal, opensStdin, image }: Container): object {
  return {
    Hostname: hostname,
    User: config.User ?? "",
    AttachStdin: opensStdin,
    Tty: hasTerminal,
    OpenStdin: opensStdin,
    Env: config.Env ?? [],
    Cmd: config.Cmd ?? null,
    ...(config.Healthcheck === undefined ? {} : { Healthcheck: config.Healthcheck }),
    Image: image.reference,
    Volumes: config.Volumes ?? null,
    WorkingDir: config.WorkingDir ?? "",
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: null,
    Labels: config.Labels ?? {},
    ...(config.ExposedPorts === undefined ? {} : { ExposedPorts: config.ExposedPorts }),
    ...(config.StopSignal === undefined ? {} : { StopSignal: config.StopSignal }),
  };
}

function hostConfigOf(container: Container): object {
  const binds = container.mounts.flatMap((mount) =>
    mount.type === "bind" ? [`${mount.source}:${mount.target}${mount.readOnly ? ":ro" : ""}`] : [],
  );
  return {
    Binds: binds.length === 0 ? null : binds,
    NetworkMode: container.network,
    PortBindings: portsOf(container),
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
    AutoRemove: container.autoRemove,
    Privileged: false,
    ReadonlyRootfs: container.readOnlyRoot,
  };
}

function portsOf({ ports }: Container): object {
  return Object.fromEntries(
    ports.map(({ hostAddress, hostPort, containerPort }) => [
      `${containerPort}/tcp`,
      [{ HostIp: hostAddress, HostPort: String(hostPort) }],
    ]),
  );
}

function mountOf(mount: ContainerMount, dir: string): object {
  return {
    Type: mount.type,
    ...(mount.type === "volume" ? { Name: mount.name } : {}),
    Source: mount.type === "bind" ? mount.source : mount.type === "volume" ? volumePath(dir, mount.name) : "",
    Destination: mount.target,
    Mode: mount.readOnly ? "ro" : "",
    RW: !mount.readOnly,
    Propagation: mount.type === "bind" ? "rprivate" : "",
  };
}
