import type { CacheModelName } from "../../src/core/cache-key.ts";
import { BuildError } from "../../src/core/errors.ts";
import { createEngine } from "../../src/engine.ts";
import type { BuildRequest, BuildResult } from "./engine-adapter.ts";

/** The library in this process, for suites of a thousand builds: starting the program would be most of their time. */
export class LibraryAdapter {
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
  }

  async build(request: BuildRequest): Promise<Pick<BuildResult, "error" | "steps" | "image">> {
    await using engine = await createEngine({ home: this.#home });
    const { tag, cacheModel, ...options } = request;
    const build = engine.build({
      ...options,
      tags: [tag],
      network: "none",
      cacheModel: cacheModel as CacheModelName,
    });
    try {
      const { steps, image } = await build.result;
      return { steps, image, error: null };
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      const { code, message, details } = error;
      return { steps: [], image: null, error: { code, message, line: details.at?.line ?? null } };
    }
  }
}
