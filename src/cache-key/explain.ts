import type { CacheKey, Change, ChangeKind, KeyInput, KeyInputKind } from "../core/cache-key.ts";
import type { Digest } from "../core/digest.ts";
import type { Listing, ListingRow } from "../core/file-tree.ts";
import { decodeFields } from "./encode.ts";

/** Listings by digest: what a Merkle root of an earlier build stood for. Undefined: no longer kept. */
export type ListingOf = (digest: Digest) => Listing | undefined;

/** The inputs that made `current` differ from `previous`, as changes for people; file inputs are opened down to the files. */
export function explainMiss(previous: CacheKey, current: CacheKey, listingOf: ListingOf): Change[] {
  if (previous.model !== current.model)
    return [{ kind: "key-schema", subject: "model", old: previous.model, new: current.model }];
  const before = new Map(previous.inputs.map((input) => [nameOf(input), input]));
  const after = new Map(current.inputs.map((input) => [nameOf(input), input]));
  const changes: Change[] = [];
  for (const [name, input] of after) {
    const old = before.get(name);
    if (old?.value !== input.value) changes.push(...changesOf(old, input, listingOf));
  }
  for (const [name, input] of before)
    if (!after.has(name)) changes.push(...changesOf(input, undefined, listingOf));
  return orderOnlyIfAlone(pairRenames(changes));
}

/** A few words for the step's line: `package-lock.json changed`, `ARG GIT_SHA changed`, `step 3 changed`. */
export function reasonText(changes: readonly Change[]): string {
  const own = changes.filter((change) => change.kind !== "parent");
  const [first] = own.length > 0 ? own : changes;
  if (first === undefined) return "changed";
  const more = own.length > 1 ? ` (+${own.length - 1})` : "";
  return `${PHRASES[first.kind](first)}${more}`;
}

const PHRASES: Readonly<Record<ChangeKind, (change: Change) => string>> = {
  "first-build": () => "first build",
  instruction: ({ subject, old, new: now }) =>
    subject.startsWith("--")
      ? `${subject} changed`
      : old === null
        ? "new instruction"
        : now === null
          ? `${subject} removed`
          : "instruction changed",
  base: ({ subject }) => `base ${subject.replace(/^FROM /, "")} changed`,
  parent: ({ subject }) => `${subject} changed`,
  "file-added": ({ subject }) => `${subject} added`,
  "file-removed": ({ subject }) => `${subject} removed`,
  "file-renamed": ({ subject, old }) => `${old ?? ""} renamed to ${subject}`,
  "file-mode": ({ subject }) => `mode of ${subject} changed`,
  "file-owner": ({ subject }) => `owner of ${subject} changed`,
  "file-xattr": ({ subject }) => `xattrs of ${subject} changed`,
  "file-content": ({ subject }) => `${subject} changed`,
  "file-type": ({ subject }) => `${subject} changed`,
  "file-target": ({ subject }) => `${subject} changed`,
  arg: ({ subject }) => `ARG ${subject} changed`,
  env: ({ subject }) => `ENV ${subject} changed`,
  mount: ({ subject }) =>
    subject.startsWith(MOUNT_DECLARATION) ? "mount changed" : `mounted ${subject} changed`,
  network: () => "network changed",
  platform: () => "platform changed",
  "no-cache": () => "--no-cache",
  pruned: () => "its layer was pruned",
  expired: () => "expired",
  "key-schema": () => "key rules changed",
};

function nameOf(input: KeyInput): string {
  const isParent = input.kind === "parent" || input.kind === "base";
  return isParent ? "parent" : `${input.kind}\0${input.subject}`;
}

const KIND: Readonly<Record<Exclude<KeyInputKind, "files" | "args" | "remote">, ChangeKind>> = {
  schema: "key-schema",
  instruction: "instruction",
  platform: "platform",
  base: "base",
  parent: "parent",
  env: "env",
  cwd: "instruction",
  user: "instruction",
  network: "network",
  owner: "instruction",
  mode: "instruction",
  dest: "instruction",
  mount: "mount",
};

function changesOf(old: KeyInput | undefined, now: KeyInput | undefined, listingOf: ListingOf): Change[] {
  const input = now ?? old;
  if (input === undefined) return [];
  const shown = { old: show(old), new: show(now) };
  if (input.kind === "mount") return mountChanges(old, now, listingOf);
  if (input.kind === "args") return [{ kind: "arg", subject: input.subject, ...shown }];
  if (input.kind === "remote") return [{ kind: remoteChange(old, now), subject: input.subject, ...shown }];
  if (input.kind !== "files") return [{ kind: KIND[input.kind], subject: input.subject, ...shown }];
  if (isInline(input)) return [{ kind: "instruction", subject: input.subject, ...shown }];
  if (old === undefined) return [{ kind: "file-added", subject: input.subject, ...shown }];
  if (now === undefined) return [{ kind: "file-removed", subject: input.subject, ...shown }];
  return sourceChanges(input.subject, listed(old), { after: listed(now), listingOf });
}

/** The fields of a `files` input, its address being the one that listings are kept under. */
function listed({ value, listing }: KeyInput): readonly string[] {
  const all = decodeFields(value);
  return listing === undefined ? all : [...all.slice(0, -1), listing];
}

function remoteChange(old: KeyInput | undefined, now: KeyInput | undefined): ChangeKind {
  if (old === undefined) return "file-added";
  return now === undefined ? "file-removed" : "file-content";
}

/** Begins the subject of an input that says how something is mounted; the others say what. */
export const MOUNT_DECLARATION = "--mount ";

/** What is mounted is opened down to the files, as the sources of a COPY are: whatever moved there, it is the mount that did. */
function mountChanges(old: KeyInput | undefined, now: KeyInput | undefined, listingOf: ListingOf): Change[] {
  const subject = (now ?? old)?.subject ?? "";
  if (old === undefined || now === undefined || subject.startsWith(MOUNT_DECLARATION))
    return [{ kind: "mount", subject, old: show(old), new: show(now) }];
  const files = sourceChanges(subject, decodeFields(old.value), {
    after: decodeFields(now.value),
    listingOf,
  });
  return pairRenames(files).map((change) => ({ ...change, kind: "mount" }));
}

/** Two values of a `files` input: name, type, mode, owner, xattrs, digest. */
function sourceChanges(
  path: string,
  before: readonly string[],
  { after, listingOf }: { readonly after: readonly string[]; readonly listingOf: ListingOf },
): Change[] {
  const [, oldType = "", oldMode = "", oldOwner = "", oldXattrs = "", oldRoot = ""] = before;
  const [, type = "", mode = "", owner = "", xattrs = "", root = ""] = after;
  if (oldType !== type) return [{ kind: "file-type", subject: path, old: oldType, new: type }];
  const facts: Change[] = [
    { kind: "file-mode", subject: path, old: oldMode, new: mode },
    { kind: "file-owner", subject: path, old: oldOwner, new: owner },
    { kind: "file-xattr", subject: path, old: oldXattrs, new: xattrs },
  ];
  const moved = facts.filter((change) => change.old !== change.new);
  return oldRoot === root ? moved : [...moved, ...diffRoots(path, { oldRoot, root, listingOf })];
}

/** The value as people read it: never the encoding that the key is made over. */
function show(input: KeyInput | undefined): string | null {
  if (input === undefined) return null;
  if (input.redacted === true) return "(hidden)";
  if (input.kind === "mount" && input.subject.startsWith(MOUNT_DECLARATION))
    return decodeFields(input.value)
      .filter((field) => field !== "")
      .join(" ");
  if (input.kind === "mount") return decodeFields(input.value).at(-1) ?? null;
  if (input.kind === "instruction")
    return input.subject === "WORKDIR" ? input.value : decodeFields(input.value).join(" ");
  if (input.kind !== "files" || isInline(input)) return input.value;
  return decodeFields(input.value).at(-1) ?? null;
}

/** A heredoc body, recorded as it is. */
function isInline({ subject }: KeyInput): boolean {
  return subject.startsWith("<<");
}

function diffRoots(
  path: string,
  at: { readonly oldRoot: string; readonly root: string; readonly listingOf: ListingOf },
): Change[] {
  const before = at.listingOf(toDigest(at.oldRoot));
  const after = at.listingOf(toDigest(at.root));
  if (before === undefined || after === undefined) {
    return [{ kind: "file-content", subject: path, old: at.oldRoot, new: at.root }];
  }
  const below = path === "" || path === "." || path === "/" ? "" : path;
  return diffListings(below, before, after, at.listingOf);
}

/** Walks two trees of listings down the rows that differ. */
function diffListings(dir: string, before: Listing, after: Listing, listingOf: ListingOf): Change[] {
  const old = new Map(before.rows.map((row) => [row.name, row]));
  const now = new Map(after.rows.map((row) => [row.name, row]));
  const names = [...new Set([...old.keys(), ...now.keys()])];
  return names.flatMap((name) => diffRows(joinText(dir, name), old.get(name), now.get(name), listingOf));
}

function diffRows(
  path: string,
  old: ListingRow | undefined,
  now: ListingRow | undefined,
  listingOf: ListingOf,
): Change[] {
  if (old === undefined) return [{ kind: "file-added", subject: path, old: null, new: now?.digest ?? "" }];
  if (now === undefined) return [{ kind: "file-removed", subject: path, old: old.digest ?? "", new: null }];
  if (old.type !== now.type) return [{ kind: "file-type", subject: path, old: old.type, new: now.type }];
  const changes: Change[] = [];
  if (old.mode !== now.mode) {
    changes.push({ kind: "file-mode", subject: path, old: old.mode.toString(8), new: now.mode.toString(8) });
  }
  if (old.uid !== now.uid || old.gid !== now.gid) {
    changes.push({
      kind: "file-owner",
      subject: path,
      old: `${old.uid}:${old.gid}`,
      new: `${now.uid}:${now.gid}`,
    });
  }
  if (old.xattrsDigest !== now.xattrsDigest) {
    changes.push({
      kind: "file-xattr",
      subject: path,
      old: old.xattrsDigest ?? null,
      new: now.xattrsDigest ?? null,
    });
  }
  if (old.digest === now.digest && old.device === now.device && old.link === now.link) return changes;
  return [...changes, ...contentChanges(path, old, now, listingOf)];
}

function contentChanges(path: string, old: ListingRow, now: ListingRow, listingOf: ListingOf): Change[] {
  if (now.type === "dir" && old.digest !== undefined && now.digest !== undefined) {
    const before = listingOf(old.digest);
    const after = listingOf(now.digest);
    if (before !== undefined && after !== undefined) return diffListings(path, before, after, listingOf);
  }
  const kind = now.type === "symlink" ? "file-target" : "file-content";
  return [
    { kind, subject: path, old: old.digest ?? old.device ?? null, new: now.digest ?? now.device ?? null },
  ];
}

/** A file that went and one that came with the same content were renamed. */
function pairRenames(changes: readonly Change[]): Change[] {
  const removed = new Map(
    changes.flatMap((c) =>
      c.kind === "file-removed" && c.old !== null && c.old !== "" ? [[c.old, c] as const] : [],
    ),
  );
  const renames = new Map<Change, Change>();
  for (const change of changes) {
    const from = change.kind === "file-added" && change.new !== null ? removed.get(change.new) : undefined;
    if (from === undefined) continue;
    renames.set(change, {
      kind: "file-renamed",
      subject: change.subject,
      old: from.subject,
      new: change.subject,
    });
    renames.set(from, change);
    removed.delete(change.new ?? "");
  }
  const gone = new Set([...renames].flatMap(([key]) => (key.kind === "file-removed" ? [key] : [])));
  return changes.filter((change) => !gone.has(change)).map((change) => renames.get(change) ?? change);
}

function isOrder(change: Change): boolean {
  return change.kind === "env" && change.subject === "(order)";
}

/** The order of variables is named only where no variable itself moved. */
function orderOnlyIfAlone(changes: readonly Change[]): Change[] {
  const others = changes.filter((change) => !isOrder(change));
  const variables = others.some((change) => change.kind === "env" || change.kind === "arg");
  return variables
    ? others
    : changes.map((change) =>
        isOrder(change) ? { ...change, subject: "order", old: null, new: null } : change,
      );
}

function toDigest(text: string): Digest {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a look-up by a foreign text finds nothing
  return text as Digest;
}

function joinText(dir: string, name: string): string {
  const shown = Buffer.from(name, "latin1").toString("utf8");
  if (shown === "") return dir;
  return dir === "" ? shown : `${dir}/${shown}`;
}
