import { request } from "node:http";

/** How long a daemon may take to answer: the error is what the person waits for. */
const PATIENCE_MS = 300;

/** Whether a Docker daemon of this machine has an image. Asked only once a build has failed for want of it; never throws. */
export function dockerHas(
  image: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<boolean> {
  const host = env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock";
  const socketPath = /^unix:\/\/(.+)$/.exec(host)?.[1];
  const tcp = /^(?:tcp|http):\/\/([^:/]+):(\d+)/.exec(host);
  if (socketPath === undefined && tcp === null) return Promise.resolve(false);
  const where = socketPath === undefined ? { host: tcp?.[1], port: tcp?.[2] } : { socketPath };
  return new Promise((resolve) => {
    const asked = request(
      { ...where, path: `/images/${encodeURI(image)}/json`, signal: AbortSignal.timeout(PATIENCE_MS) },
      (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      },
    );
    asked.on("error", () => resolve(false));
    asked.end();
  });
}
