/** `.wh.name` hides `name` of the layers below (OCI image-spec, layer.md#whiteouts). */
export const WHITEOUT_PREFIX = ".wh.";
/** Hides everything that the layers below have in its directory. */
export const OPAQUE_NAME = ".wh..wh..opq";
/** aufs kept its own files under such names; they mean nothing outside of it. */
export const WHITEOUT_META_PREFIX = ".wh..wh.";
