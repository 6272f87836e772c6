import { type Descriptor, MEDIA_TYPE } from "../core/descriptor.ts";
import { BuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import { formatPlatform, type Platform } from "../core/platform.ts";
import { parseReference } from "../core/reference.ts";
import type { Pieces } from "../output/archive-output.ts";
import { imageArchive, type PackedImage } from "../output/image-archive.ts";
import type { ArchiveOutput, FilesOutput, ImageOutput, OutputSpec } from "../output/output-spec.ts";
import { writeFileFrom } from "../output/write-file.ts";
import { refuseLostAnnotations } from "./annotations.ts";
import type { BuiltImage } from "./assemble-image.ts";
import { type ExportedImage, fullName } from "./keep-image.ts";
import { packBuild } from "./pack-build.ts";
import type { BuildOptions } from "./types.ts";
import type { Workshop } from "./workshop.ts";

export interface Delivery {
  /** One a platform. */
  readonly images: readonly BuiltImage[];
  readonly kept: ExportedImage | undefined;
  readonly options: BuildOptions;
  readonly shop: Workshop;
  readonly emit: EmitEvent;
  readonly signal: AbortSignal;
}

/** Writes every output of a build, in order; the first failure ends it. The answer is what the last image output is known by. */
export async function deliverOutputs(delivery: Delivery): Promise<Descriptor | undefined> {
  const { options, images } = delivery;
  let known: Descriptor | undefined;
  for (const output of options.outputs ?? []) {
    const annotations = "annotations" in output ? output.annotations : [];
    refuseLostAnnotations(
      [...annotations, ...(options.annotations ?? [])],
      images.map(({ platform }) => platform),
    );
    known = (await deliver(output, delivery)) ?? known;
  }
  return known;
}

function deliver(output: OutputSpec, delivery: Delivery): Promise<Descriptor | undefined> {
  switch (output.type) {
    case "local":
      return writeFolders(output, delivery);
    case "tar":
      return writeTar(output, delivery);
    case "oci":
    case "docker":
      return writeArchive(output, delivery);
    case "image":
      return pushBuilt(output, delivery);
    default:
      return output satisfies never;
  }
}

/** `linux/arm64/v8` as a folder's name, as BuildKit has it. */
function folderOf(platform: Platform): string {
  return formatPlatform(platform).replaceAll("/", "_");
}

function isSplit(output: FilesOutput, { options }: Delivery): boolean {
  return output.platformSplit && options.platforms !== undefined;
}

async function writeFolders(output: FilesOutput, delivery: Delivery): Promise<undefined> {
  const { images, options, shop, signal, emit } = delivery;
  const { writeTree } = await import("../output/write-tree.ts");
  let [files, bytes] = [0, 0];
  const leftOut: string[] = [];
  for (const { layers, platform } of images) {
    const tree = await shop.book.readableLayers(layers);
    const dest = isSplit(output, delivery) ? `${output.dest}/${folderOf(platform)}` : output.dest;
    const written = await writeTree(tree, dest, { epochSeconds: options.sourceDateEpoch, signal });
    files += written.files;
    bytes += written.bytes;
    leftOut.push(...written.leftOut);
  }
  if (leftOut.length > 0) {
    const some = leftOut.slice(0, 3).join(", ") + (leftOut.length > 3 ? ", …" : "");
    const text = `${leftOut.length} devices or extended attributes cannot be had in ${output.dest} and are left out: ${some}`;
    emit({ type: "note", level: "warning", text });
  }
  const text = `${files} ${files === 1 ? "file" : "files"}, ${bytes} bytes, written to ${output.dest}`;
  emit({ type: "note", level: "info", text });
  return undefined;
}

async function writeTar(output: FilesOutput, delivery: Delivery): Promise<undefined> {
  const { images, options, shop } = delivery;
  const { rootfsTar } = await import("../output/rootfs-tar.ts");
  const roots = [];
  for (const { layers, platform } of images) {
    const folder = isSplit(output, delivery) ? folderOf(platform) : "";
    roots.push({ tree: await shop.book.readableLayers(layers), folder });
  }
  await writeTo(output.dest, rootfsTar(roots, options.sourceDateEpoch), delivery);
  return undefined;
}

async function writeTo(dest: string, pieces: Pieces, { options, emit, signal }: Delivery): Promise<void> {
  const stoppable = untilAborted(pieces, signal);
  if (dest === "-") {
    if (options.standardOutput === undefined) throw new Error("a build to standard output without one");
    await options.standardOutput(stoppable);
    return;
  }
  await writeFileFrom(dest, stoppable);
  emit({ type: "note", level: "info", text: `written to ${dest}` });
}

async function* untilAborted(pieces: Pieces, signal: AbortSignal): Pieces {
  for await (const piece of pieces) {
    if (signal.aborted) throw new BuildError("cli/canceled", "canceled");
    yield piece;
  }
}

async function writeArchive(output: ArchiveOutput, delivery: Delivery): Promise<Descriptor | undefined> {
  const { images, options, shop, emit, signal } = delivery;
  if (output.type === "docker" && options.platforms !== undefined) {
    if (output.mayLackDaemon !== true) throw oneOnly();
    emit({
      type: "note",
      level: "info",
      text: "--load: a Docker daemon takes one platform; the image is in tsbuild's store",
    });
    return undefined;
  }
  const intoDaemon = output.type === "docker" && output.dest === undefined;
  const dockerd = intoDaemon ? await import("../output/dockerd.ts") : undefined;
  if (dockerd !== undefined && output.mayLackDaemon === true && !(await dockerd.reachesDockerd(shop.env))) {
    const text = "--load: no Docker daemon answers here; the image is in tsbuild's store";
    emit({ type: "note", level: "info", text });
    return undefined;
  }
  const packed: PackedImage = {
    ...(await packBuild(images, {
      encoding: withOptions(output, options),
      usual: output.type === "docker" ? "uncompressed" : "gzip",
      mustStore: false,
      options,
      shop,
    })),
    names: namesOf(output, options),
  };
  if (dockerd !== undefined) {
    await dockerd.loadIntoDockerd(imageArchive([packed], "docker-archive"), shop.env, signal);
    emit({ type: "note", level: "info", text: "loaded into the Docker daemon" });
  } else if (output.isFolder) {
    const { writeOciFolder } = await import("../output/oci-folder.ts");
    await writeOciFolder([packed], output.dest ?? "");
    emit({ type: "note", level: "info", text: `OCI layout written to ${output.dest}` });
  } else {
    const format = output.type === "docker" ? "docker-archive" : "oci-archive";
    await writeTo(output.dest ?? "-", imageArchive([packed], format), delivery);
  }
  return packed.top.descriptor;
}

function oneOnly(): BuildError {
  return new BuildError("cli/usage", "Docker's archive holds one platform, and several are built", {
    hint: "Write -o type=oci, push them, or leave all but one --platform out.",
  });
}

/** --annotation holds for every output. */
function withOptions<T extends ArchiveOutput | ImageOutput>(output: T, options: BuildOptions): T {
  return { ...output, annotations: [...(options.annotations ?? []), ...output.annotations] };
}

/** An output's own names, else the image's. */
function namesOf(output: ArchiveOutput | ImageOutput, options: BuildOptions): readonly string[] {
  const written = output.names.length > 0 ? output.names : (options.tags ?? []);
  return [...new Set(written.map((name) => fullName(name)))];
}

async function pushBuilt(output: ImageOutput, delivery: Delivery): Promise<Descriptor | undefined> {
  if (!output.push) return undefined;
  const { images, kept, options, shop, emit, signal } = delivery;
  const names = namesOf(output, options);
  const image = kept === undefined ? undefined : shop.store.images.get(kept.id);
  if (names.length === 0 || image === undefined) {
    throw new BuildError("cli/usage", "what is pushed needs a name", {
      hint: "Write -t registry.example.com/team/app:1.0, or name=… in the output.",
    });
  }
  const packed = await packBuild(images, {
    encoding: withOptions(output, options),
    usual: "gzip",
    mustStore: true,
    options,
    shop,
  });
  const configs = images.map(({ config }) => config.descriptor);
  const manifests = packed.documents.filter(({ digest }) =>
    configs.every((config) => config.digest !== digest),
  );
  const documents = [
    ...manifests.map(({ digest, bytes }) => ({
      bytes,
      descriptor: {
        mediaType: output.ociMediaTypes ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.dockerManifest,
        digest,
        size: bytes.length,
      },
    })),
    packed.top,
  ];
  const parcel = { documents, blobs: [...packed.blobs, ...configs] };
  const { pushParcel } = await import("./push-image.ts");
  for (const name of names) {
    const pushed = await pushParcel(parseReference(name), { image, parcel }, { shop, emit, signal });
    emit({ type: "note", level: "info", text: `pushed ${name}@${pushed.digest}` });
  }
  return packed.top.descriptor;
}
