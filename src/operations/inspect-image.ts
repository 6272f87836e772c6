import type { Platform } from "../core/platform.ts";
import { familiarRepository, formatFamiliar, parseReference } from "../core/reference.ts";
import type { StoredImage } from "../store/image-directory.ts";
import { imagesOfIndex, isIndex, singleImage } from "./platform-images.ts";
import { readImageConfig } from "./read-image.ts";
import type { Workshop } from "./workshop.ts";

/** As Go has them: empty in a template, null in JSON. */
const NIL_LIST = nil<readonly never[]>([]);
const NIL_MAP = nil<object>({});

/**
 * An image as `docker image inspect` shows it: its field names, in its order. Of several platforms: the index's id and names, the fields
 * of one platform (this machine's, if none is given), and a row for each in Manifests.
 */
export function inspectImage(
  image: StoredImage,
  shop: Workshop,
  platform?: Platform,
): Readonly<Record<string, unknown>> {
  const single = singleImage(image, platform, shop);
  const file = readImageConfig(single.id, shop.store);
  const { config } = file;
  const main = image.manifests.find(({ digest }) => digest === image.manifest);
  return {
    Id: platform === undefined ? image.id : single.id,
    RepoTags: image.names.map((name) => formatFamiliar(parseReference(name))),
    RepoDigests: image.repoDigests.map(familiarDigest),
    Comment: file.history.at(-1)?.comment ?? "",
    Created: file.created ?? "",
    Author: file.author ?? "",
    // What templates ask for is there, though it may be empty.
    Config: {
      User: "",
      Env: NIL_LIST,
      Cmd: NIL_LIST,
      Volumes: NIL_MAP,
      WorkingDir: "",
      Entrypoint: NIL_LIST,
      OnBuild: NIL_LIST,
      Labels: NIL_MAP,
      ...config,
    },
    Architecture: file.architecture,
    ...(file.variant === undefined ? {} : { Variant: file.variant }),
    Os: file.os,
    Size: single.sizeBytes,
    RootFS: { Type: "layers", Layers: file.rootfs.diff_ids },
    Metadata: { LastTagTime: image.taggedAt ?? "0001-01-01T00:00:00Z" },
    Descriptor:
      main === undefined ? null : { mediaType: main.mediaType, digest: main.digest, size: main.size },
    ...(isIndex(image)
      ? {
          Manifests: imagesOfIndex(image, shop).map(({ digest, size, mediaType, platform: of }) => ({
            ID: digest,
            Descriptor: { mediaType, digest, size, platform: of },
          })),
        }
      : {}),
  };
}

function familiarDigest(text: string): string {
  const at = text.indexOf("@");
  return `${familiarRepository(parseReference(text.slice(0, at)))}${text.slice(at)}`;
}

function nil<T extends object>(empty: T): T {
  return Object.defineProperty(empty, "toJSON", { value: () => null, enumerable: false });
}
