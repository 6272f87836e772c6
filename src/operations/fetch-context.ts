import { createReadStream } from "node:fs";
import { BuildError } from "../core/errors.ts";
import { type GitAddress, parseGitAddress } from "../core/git-address.ts";
import { redactAddresses } from "../core/redact-address.ts";
import type { Lease } from "../store/leases.ts";
import { ensureFile, type FetchOptions, openCheckout, revalidate } from "./remote-sources.ts";
import type { BuildOptions } from "./types.ts";

export interface FetchedContext {
  /** The address without credentials. */
  readonly shown: string;
  readonly source: { readonly folder: string } | { readonly bytes: AsyncIterable<Uint8Array> };
}

/** A context that is an address: a repository's folder, or a file that is a tar or a Dockerfile. It lasts as long as the lease. */
export async function fetchContext(
  context: string,
  options: FetchOptions & { readonly lease: Lease; readonly build: BuildOptions },
): Promise<FetchedContext> {
  const written = parseGitAddress(context, true);
  if (written !== undefined) {
    const address = withBuildOptions(written, options.build);
    using checkout = await openCheckout(address, { ...options, parent: options.lease.makeTemp() });
    return { shown: address.shown, source: { folder: checkout.root } };
  }
  const file = { url: context, shown: redactAddresses(context) };
  if (URL.parse(context)?.protocol.startsWith("http") !== true) {
    throw new BuildError("remote/bad-address", `${file.shown} is no address of a context`, {
      hint: "It is that of a repository (https://host/name.git#branch:folder), of a tar or of a Dockerfile.",
    });
  }
  const { digest } = await revalidate(file, { ...options, row: null });
  await ensureFile(file, digest, { ...options, row: null });
  return {
    shown: file.shown,
    source: { bytes: createReadStream(options.shop.store.cacheBlobs.pathOf(digest)) },
  };
}

/** Two things that Docker's clients say beside the address (BuildKit: frontend/dockerui, initContext). */
function withBuildOptions(address: GitAddress, { buildArgs, sourceDateEpoch }: BuildOptions): GitAddress {
  const keep = /^(?:1|t|true)$/i.test(buildArgs?.["BUILDKIT_CONTEXT_KEEP_GIT_DIR"] ?? "");
  return {
    ...address,
    keepGitDir: keep ? true : address.keepGitDir,
    mtime: sourceDateEpoch === undefined ? address.mtime : "commit",
  };
}
