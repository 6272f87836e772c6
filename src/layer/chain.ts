import { hash } from "node:crypto";
import {
  type ChainId,
  type ContentChain,
  type DiffId,
  requireChainId,
  requireContentChain,
} from "../core/digest.ts";
import { contentDigestOfToc, type Toc } from "./toc.ts";

/** The content of an empty file system: what `FROM scratch` gives. */
export const EMPTY_CONTENT: ContentChain = requireContentChain(`sha256:${hash("sha256", "")}`);

/** Address of a stack with one more layer (OCI image-spec, config.md#layer-chainid). */
export function chainId(parent: ChainId | undefined, diffId: DiffId): ChainId {
  return requireChainId(parent === undefined ? diffId : `sha256:${hash("sha256", `${parent} ${diffId}`)}`);
}

/**
 * Address of a stack's content with one more layer on it, without times: equal for equal results, whenever and wherever they
 * were made. A layer without entries changes nothing, so it changes no address either.
 */
export function nextContent(parent: ContentChain | undefined, toc: Toc): ContentChain {
  const below = parent ?? EMPTY_CONTENT;
  if (toc.length === 0) return below;
  return requireContentChain(`sha256:${hash("sha256", `${below} ${contentDigestOfToc(toc)}`)}`);
}
