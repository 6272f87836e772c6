import type { FlagSpec } from "../args.ts";

/** Of every command that talks to a registry. */
export const AUTH_FILE_FLAG: FlagSpec = {
  name: "authfile",
  value: "FILE",
  help: "Credentials (default: $REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json)",
};
