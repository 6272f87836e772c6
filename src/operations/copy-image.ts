import type { Digest } from "../core/digest.ts";
import { BuildError } from "../core/errors.ts";
import type { EmitEvent } from "../core/events.ts";
import type { Platform } from "../core/platform.ts";
import { parseReference, type Reference, withDefaultTag } from "../core/reference.ts";
import { openClient } from "./pull-image.ts";
import type { AskHow } from "./registry-tags.ts";

export interface CopyHow extends AskHow {
  readonly emit: EmitEvent;
  /** Only the image for this platform. */
  readonly platform?: Platform | undefined;
}

export interface CopiedImage {
  readonly to: Reference;
  readonly digest: Digest;
  /** Signatures, attestations and the like that came along. */
  readonly referrers: number;
}

/** From registry to registry, byte for byte, with what is about the image. Nothing passes through the store. */
export async function copyImage(from: string, to: string, how: CopyHow): Promise<CopiedImage> {
  const source = parseReference(from);
  const target = requireTarget(to);
  const { copyImage: copy } = await import("../registry/copy-image.ts");
  const { env, emit, authFile, signal, platform } = how;
  await using client = await openClient({ shop: { env }, emit, authFile });
  const copied = await copy(client, source, target, { emit, signal, platform });
  return { to: target, ...copied };
}

/** A name to be set in a registry: one with a tag. */
export function requireTarget(name: string): Reference {
  const reference = withDefaultTag(parseReference(name));
  if (reference.digest === undefined) return reference;
  throw new BuildError("image/bad-reference", `"${name}" has a digest; what is pushed is named by a tag`, {
    hint: "Leave the part from @ on out.",
  });
}
