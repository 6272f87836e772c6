/** Address of stored bytes: `sha256:` and 64 lower-case hex digits (OCI image-spec, descriptor.md). */
export type Digest = string & { readonly __brand: "Digest" };
/** Address of an uncompressed layer tar (OCI image-spec, config.md). */
export type DiffId = string & { readonly __brand: "DiffId" };
/** Address of a whole stack of diffs (OCI image-spec, config.md#layer-chainid). */
export type ChainId = string & { readonly __brand: "ChainId" };
/** Address of a stack's content without times: what a parent contributes to a cache key. */
export type ContentChain = string & { readonly __brand: "ContentChain" };

const PATTERN = /^sha256:[0-9a-f]{64}$/;

/** Untrusted text to a digest; anything but a well-formed sha256 digest (so `sha256:../../x` too) is undefined. */
export function parseDigest(text: string): Digest | undefined {
  return isDigest(text) ? text : undefined;
}

/** Our own text to a digest: a malformed one is a bug of ours. */
export function requireDigest(text: string): Digest {
  if (!isDigest(text)) throw new Error(`not a digest: ${text}`);
  return text;
}

/** The same sixty-four digits under the brand of an uncompressed layer: call it only where the bytes are such a tar. */
export function toDiffId(digest: Digest): DiffId {
  const text: string = digest;
  if (!isDiffId(text)) throw new Error(`not a diff id: ${text}`);
  return text;
}

export function requireChainId(text: string): ChainId {
  if (!isChainId(text)) throw new Error(`not a chain id: ${text}`);
  return text;
}

export function parseChainId(text: string): ChainId | undefined {
  return isChainId(text) ? text : undefined;
}

export function requireContentChain(text: string): ContentChain {
  if (!isContentChain(text)) throw new Error(`not a content chain: ${text}`);
  return text;
}

export function parseDiffId(text: string): DiffId | undefined {
  return isDiffId(text) ? text : undefined;
}

/** The 64 hex digits of any of the four. */
export function hexOf(address: Digest | DiffId | ChainId | ContentChain): string {
  return address.slice("sha256:".length);
}

/** Twelve digits, as people read them. */
export function shortId(address: Digest | DiffId | ChainId | ContentChain): string {
  return hexOf(address).slice(0, 12);
}

function isDigest(text: string): text is Digest {
  return PATTERN.test(text);
}
function isDiffId(text: string): text is DiffId {
  return PATTERN.test(text);
}
function isChainId(text: string): text is ChainId {
  return PATTERN.test(text);
}
function isContentChain(text: string): text is ContentChain {
  return PATTERN.test(text);
}
