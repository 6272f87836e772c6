import type { PortMapping } from "../core/container.ts";
import { BuildError } from "../core/errors.ts";
import type { NetworkMode } from "../core/step.ts";

/** `-p [ADDRESS:]HOST:CONTAINER[/tcp]`. One port a flag: a container has the machine's network. Throws `cli/usage`. */
export function parsePort(text: string, network: NetworkMode): PortMapping {
  const flag = `--publish=${text}`;
  const [ports = "", protocol = "tcp"] = text.split("/");
  if (protocol !== "tcp") {
    throw new BuildError("cli/not-supported", `${flag}: only tcp ports can be mapped`, {
      hint: "The network is the machine's: other protocols are reached on the container's own port.",
    });
  }
  if (network === "none") {
    throw new BuildError("cli/usage", `${flag}: with --network=none nothing can be reached`, {
      hint: "Leave one of the two out.",
    });
  }
  const match = /^(?:(.+):)?(\d{1,5}):(\d{1,5})$/.exec(ports);
  const [hostPort, containerPort] = [Number(match?.[2] ?? 0), Number(match?.[3] ?? 0)];
  if (match === null || !isPort(hostPort) || !isPort(containerPort)) {
    throw new BuildError("cli/usage", `${flag} cannot be mapped`, {
      hint: "It reads HOST:CONTAINER, two numbers from 1 to 65535. There are no ranges and no ports chosen by the machine.",
    });
  }
  const hostAddress = (match[1] ?? "127.0.0.1").replace(/^\[(.*)\]$/, "$1");
  return { hostAddress, hostPort, containerPort };
}

function isPort(number: number): boolean {
  return number >= 1 && number <= 65_535;
}
