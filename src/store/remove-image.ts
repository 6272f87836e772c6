import type { ChainId, Digest } from "../core/digest.ts";
import { shortId } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import { emptyReach, type Reach, walkImage } from "./image-content.ts";
import type { StoredImage } from "./image-directory.ts";
import { type ExtraRoots, markLive } from "./live-set.ts";
import { collect, layerToSweep } from "./prune.ts";
import type { StoreContents } from "./store-contents.ts";
import type { StoreParts } from "./store-parts.ts";
import { Sweep } from "./sweep.ts";

export interface RemoveImageOptions {
  /** Remove an image by id though several repositories name it. */
  readonly force?: boolean;
  /** What else must stay; asked once the mark has begun. */
  readonly roots?: () => ExtraRoots;
}

/** What Docker prints as `Untagged:` and `Deleted:` lines, in that order. */
export interface RemovedImage {
  /** Full names, and `repository@digest` where the last name of a repository went. */
  readonly untagged: readonly string[];
  /** The image's id, then the chain ids of layers that nothing needs any more, topmost first; none: only a name was removed. */
  readonly deleted: readonly (Digest | ChainId)[];
  readonly bytes: number;
  readonly undeletable: readonly string[];
}

/**
 * Removes a name, and the image with its last name. `text` is what a person wrote: by id, all names go. `image/not-found`;
 * `image/in-use` where an id is named in several repositories and `force` is not given.
 */
export function removeImage(
  parts: StoreParts,
  contents: StoreContents,
  text: string,
  options: RemoveImageOptions = {},
): RemovedImage {
  return collect(parts, (lease) => {
    const sweep = new Sweep(parts, lease);
    const reach = emptyReach();
    const { image, untagged, isGone } = contents.images.change(() => {
      const found = requireImage(contents, text);
      const names = namesToRemove(found, text, contents, options.force ?? false);
      const last =
        names.length === found.names.length && mayGo(contents, found, text, options.force ?? false);
      if (last) walkAll(contents, found, reach);
      const digests = forget(contents, found, names, last);
      return { image: found, untagged: [...names, ...digests], isGone: last };
    });
    if (!isGone) return { untagged, deleted: [], bytes: 0, undeletable: [] };
    const chains = sweepReach(parts, contents, sweep, { reach, roots: options.roots?.() });
    return { untagged, deleted: [image.id, ...chains], bytes: sweep.bytes, undeletable: sweep.undeletable };
  });
}

/**
 * For a command that took things in and then failed: removes what nothing needs. Call it once the command's lease has ended;
 * what another command has claimed meanwhile stays.
 */
export function discardUnused(
  parts: StoreParts,
  contents: StoreContents,
  { chains, blobs }: { readonly chains: readonly ChainId[]; readonly blobs: readonly Digest[] },
): void {
  if (chains.length === 0 && blobs.length === 0) return;
  collect(parts, (lease) => {
    const reach = emptyReach();
    for (const chain of chains.toReversed()) reach.chains.add(chain);
    for (const blob of blobs) reach.blobs.add(blob);
    const roots = contents.containers.roots();
    sweepReach(parts, contents, new Sweep(parts, lease), { reach, roots });
  });
}

function requireImage(contents: StoreContents, text: string): StoredImage {
  const image = contents.images.resolve(text);
  if (image !== undefined) return image;
  throw new BuildError("image/not-found", `there is no image called ${text}`, {
    hint: "List them with: tsbuild images",
  });
}

/** The one name written, or for an id all of them. */
function namesToRemove(
  image: StoredImage,
  text: string,
  contents: StoreContents,
  force: boolean,
): readonly string[] {
  const name = contents.images.fullNameOf(text);
  if (name !== undefined && image.names.includes(name)) return [name];
  const repositories = new Set(image.names.map(repositoryOf));
  if (repositories.size > 1 && !force) {
    throw new BuildError("image/in-use", `image ${shortId(image.id)} has names in several repositories`, {
      hint: "Remove it by name, or all names at once with --force.",
    });
  }
  return image.names;
}

/**
 * Docker's rules for an image that containers were made of: its last name goes by force alone; the image itself stays while one
 * of them runs. False: the name may go and the image may not.
 */
function mayGo(contents: StoreContents, image: StoredImage, text: string, force: boolean): boolean {
  const users = contents.containers.list().filter(({ container }) => container.image.id === image.id);
  const running = users.find(({ state }) => state.status === "running");
  const [user] = running === undefined ? users : [running];
  if (user === undefined) return true;
  const name = contents.images.fullNameOf(text);
  const isByName = name !== undefined && image.names.includes(name);
  const container = user.container.id.slice(0, 12);
  const id = shortId(image.id);
  const hint = `See tsbuild ps -a; remove the container with: tsbuild rm ${user.container.name}`;
  if (isByName && !force) {
    const message = `unable to remove "${text}" (must force): container ${container} is using its image ${id}`;
    throw new BuildError("image/in-use", message, { hint });
  }
  if (isByName) return running === undefined;
  if (running !== undefined) {
    const message = `unable to delete ${id} (cannot be forced): image is being used by running container ${container}`;
    throw new BuildError("image/in-use", message, { hint });
  }
  if (force) return true;
  const message = `unable to delete ${id} (must be forced): image is being used by stopped container ${container}`;
  throw new BuildError("image/in-use", message, { hint });
}

function forget(
  contents: StoreContents,
  image: StoredImage,
  names: readonly string[],
  last: boolean,
): readonly string[] {
  const { files } = contents.images;
  for (const name of names) files.removeRef(name);
  const left = new Set(image.names.filter((name) => !names.includes(name)).map(repositoryOf));
  const gone = last
    ? image.repoDigests
    : image.repoDigests.filter((digest) => {
        const repository = digest.slice(0, digest.lastIndexOf("@"));
        return names.some((name) => repositoryOf(name) === repository) && !left.has(repository);
      });
  if (last) files.removeImage(image.id);
  else if (gone.length > 0) {
    const file = files.readImage(image.id);
    if (file)
      files.writeImage({ ...file, repoDigests: file.repoDigests.filter((digest) => !gone.includes(digest)) });
  }
  return gone;
}

function walkAll(contents: StoreContents, image: StoredImage, reach: Reach): void {
  for (const { digest } of image.manifests) walkImage(contents.blobs, digest, reach, () => {});
}

function sweepReach(
  parts: StoreParts,
  contents: StoreContents,
  sweep: Sweep,
  removed: { readonly reach: Reach; readonly roots: ExtraRoots | undefined },
): readonly ChainId[] {
  const { paths } = parts;
  const { reach } = removed;
  const records = [...contents.records.entries()].map(({ record }) => record);
  const live = markLive(contents, records, removed.roots);
  const chains = [...reach.chains].toReversed().filter((chain) => !live.layerDirs.has(paths.layer(chain)));
  // Blobs of layer folders that go: an unpacked copy in the cache has no other user.
  const extra = chains.flatMap(
    (chain) => contents.layers.read(chain)?.blobs.map(({ digest }) => digest) ?? [],
  );
  const gone = new Set(
    sweep.dirs(chains.map((chain) => layerToSweep(paths.layer(chain)))).map(({ dir }) => dir),
  );
  const blobs = [...new Set([...reach.blobs, ...extra])];
  sweep.files(
    blobs.filter((digest) => !live.imageBlobs.has(digest)).map((digest) => paths.imageBlob(digest)),
  );
  sweep.files(
    blobs.filter((digest) => !live.cacheBlobs.has(digest)).map((digest) => paths.cacheBlob(digest)),
  );
  return chains.filter((chain) => gone.has(paths.layer(chain)));
}

function repositoryOf(name: string): string {
  return name.slice(0, name.lastIndexOf(":"));
}
