/** OCI platform. `architecture` and `os` as in GOARCH and GOOS; `variant` such as `v8`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

const ARCHITECTURE_ALIASES: Record<string, Platform["architecture"]> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  x64: "amd64",
  aarch64: "arm64",
  armhf: "arm",
  armel: "arm",
  i386: "386",
  ia32: "386",
};

/** `linux/amd64`, `linux/arm/v7`, `amd64`, `linux`: normalised as containerd does; undefined where it is no platform. */
export function parsePlatform(text: string, host: Platform): Platform | undefined {
  const parts = text.toLowerCase().split("/");
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) return undefined;
  const [first = "", second, third] = parts;
  if (second === undefined) {
    return isKnownOs(first) ? { ...host, os: first } : normalise({ os: host.os, architecture: first });
  }
  return normalise({ os: first, architecture: second, variant: third });
}

export function formatPlatform(platform: Platform): string {
  const base = `${platform.os}/${platform.architecture}`;
  return platform.variant === undefined ? base : `${base}/${platform.variant}`;
}

export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalise(a)) === formatPlatform(normalise(b));
}

/** The platform of a machine from Node's `process.arch` and `process.platform`. Containers are Linux wherever tsbuild runs. */
export function platformOf(nodeArch: string): Platform {
  return normalise({ os: "linux", architecture: nodeArch });
}

function normalise(platform: Platform): Platform {
  const architecture = ARCHITECTURE_ALIASES[platform.architecture] ?? platform.architecture;
  const variant =
    architecture === "arm64" && (platform.variant === "v8" || platform.variant === "8")
      ? undefined
      : architecture === "arm" && platform.variant === undefined
        ? "v7"
        : platform.variant;
  return variant === undefined || variant === ""
    ? { os: platform.os, architecture }
    : { os: platform.os, architecture, variant };
}

function isKnownOs(text: string): boolean {
  return ["linux", "windows", "darwin", "freebsd"].includes(text);
}
