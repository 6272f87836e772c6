import { createHash } from "node:crypto";
import { encodePath } from "../../src/core/byte-path.ts";
import { requireDigest } from "../../src/core/digest.ts";
import type { TocEntry } from "../../src/core/file-tree.ts";
import type { PackEntry } from "../../src/core/ports.ts";
import { toToc } from "../../src/layer/toc.ts";
import { LayerIndex } from "../../src/snapshot/layer-index.ts";
import { type LayerContents, RootView } from "../../src/snapshot/root-view.ts";

type Described = Partial<Omit<TocEntry, "path">> & { readonly content?: string };

/** A layer from a plain description: `{ "etc/passwd": { content: "…" }, "tmp": { kind: "dir", mode: 0o1777 } }`. */
export function memoryLayer(entries: Readonly<Record<string, Described>>): LayerContents {
  const contents = new Map<string, Buffer>();
  const toc = Object.entries(entries).map(([path, { content, ...facts }]): TocEntry => {
    const kind = facts.kind ?? (content === undefined ? "dir" : "file");
    const bytes = Buffer.from(content ?? "");
    const entry = {
      mode: kind === "dir" ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      mtimeSeconds: 1,
      mtimeNanos: 0,
      ...facts,
    };
    contents.set(encodePath(path), bytes);
    const digest = requireDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`);
    return {
      ...entry,
      path: encodePath(path),
      kind,
      size: bytes.length,
      ...(kind === "file" ? { digest } : {}),
    };
  });
  return {
    index: new LayerIndex(toToc(toc)),
    read: (entry) => [contents.get(entry.path) ?? Buffer.alloc(0)],
  };
}

export function memoryView(...layers: Readonly<Record<string, Described>>[]): RootView {
  return new RootView(layers.map((layer) => memoryLayer(layer)));
}

/** `f 0644 0:0 app/x`, one line an entry: what a test compares. */
export function describeEntries(entries: Iterable<PackEntry>): string[] {
  return [...entries].map(({ entry }) => {
    const target = entry.target === undefined ? "" : ` -> ${entry.target}`;
    return `${entry.kind} ${entry.mode.toString(8)} ${entry.uid}:${entry.gid} ${entry.path}${target}`;
  });
}
