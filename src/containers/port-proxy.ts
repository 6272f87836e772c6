import { connect, createServer, type Server } from "node:net";
import type { PortMapping } from "../core/container.ts";
import { BuildError } from "../core/errors.ts";

/**
 * The network is the machine's: a mapping to the same port needs nothing, another one is a proxy from the one port to the other,
 * on this machine's loopback unless an address was given.
 */
export async function openPorts(mappings: readonly PortMapping[]): Promise<AsyncDisposable> {
  const servers: Server[] = [];
  const close = async () => {
    for (const server of servers) server.close();
    await Promise.resolve();
  };
  try {
    for (const mapping of mappings) {
      if (mapping.hostPort !== mapping.containerPort) servers.push(await listen(mapping));
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { [Symbol.asyncDispose]: close };
}

function listen({ hostAddress, hostPort, containerPort }: PortMapping): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const target = connect({ host: "127.0.0.1", port: containerPort, allowHalfOpen: true });
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      from.pipe(to);
      from.on("error", () => to.destroy());
    }
  });
  // A connection that somebody keeps open must not keep an ended container's process.
  server.unref();
  return new Promise((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new BuildError("cli/usage", `port ${hostPort} of ${hostAddress} cannot be had: ${error.message}`, {
          hint: "Choose another port, or end what listens there.",
        }),
      ),
    );
    server.listen(hostPort, hostAddress, () => resolve(server));
  });
}
