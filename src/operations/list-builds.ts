import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BuildError } from "../core/errors.ts";
import type { Store } from "../store/store.ts";
import type { BuildRecord } from "./record-build.ts";
import { findBuild, readBuild } from "./recorded-build.ts";

/** Records of builds, the latest first. */
export function listBuilds(store: Store): readonly BuildRecord[] {
  return store.builds.list().flatMap((id) => {
    const build = readBuild(id, store);
    return build === undefined ? [] : [build.record];
  });
}

/** The record that a person means; the latest where `text` is undefined. Throws `cli/usage` where there is none. */
export function requireBuild(text: string | undefined, store: Store): BuildRecord {
  const id = findBuild(text, store);
  const record = id === undefined ? undefined : readBuild(id, store)?.record;
  if (record !== undefined) return record;
  throw new BuildError(
    "cli/usage",
    text === undefined ? "nothing was built here yet" : `there is no record of a build ${text}`,
    {
      hint: text === undefined ? "Build something first: tsbuild -t NAME ." : "See tsbuild builds ls.",
    },
  );
}

/** The kept output of a build's steps, in the order of the Dockerfile. */
export function buildLogs(
  record: BuildRecord,
  store: Store,
): readonly { readonly step: BuildRecord["steps"][number]; readonly log: Buffer }[] {
  const dir = store.builds.pathOf(record.id);
  const names = existsSync(dir) ? new Set(readdirSync(dir)) : new Set<string>();
  return record.steps.flatMap((step) =>
    names.has(`${step.id}.log`) ? [{ step, log: readFileSync(join(dir, `${step.id}.log`)) }] : [],
  );
}
