import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dockerHas } from "../../src/operations/docker-has.ts";
import { tempDir } from "../helpers/temp-dir.ts";

/** A daemon's socket that knows one image, or that never answers. */
async function withDaemon<T>(
  answers: boolean,
  action: (env: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  using dir = tempDir("docker");
  const path = join(dir.path, "docker.sock");
  const server = createServer((request, response) => {
    if (!answers) return;
    response.writeHead(request.url === "/images/team/app:1/json" ? 200 : 404).end("{}");
  });
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  try {
    return await action({ DOCKER_HOST: `unix://${path}` });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe("asking Docker for an image", () => {
  test.each([
    { name: "one it has", image: "team/app:1", expected: true },
    { name: "one it has not", image: "team/app:2", expected: false },
  ])("$name", async ({ image, expected }) => {
    expect(await withDaemon(true, (env) => dockerHas(image, env))).toBe(expected);
  });

  test("a daemon that is not there, that is far away by ssh, or that does not answer has nothing", async () => {
    expect(await dockerHas("team/app:1", { DOCKER_HOST: "unix:///nowhere/docker.sock" })).toBe(false);
    expect(await dockerHas("team/app:1", { DOCKER_HOST: "ssh://far.example" })).toBe(false);
    expect(await withDaemon(false, (env) => dockerHas("team/app:1", env))).toBe(false);
  });
});
