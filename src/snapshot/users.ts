import { type BytePath, encodePath } from "../core/byte-path.ts";
import { BuildError } from "../core/errors.ts";
import type { FileTree } from "../core/file-tree.ts";
import type { UserIds } from "../core/step.ts";

/** What accounts are read from. */
type AccountTree = Pick<FileTree, "facts" | "resolve" | "read">;

/** An account file larger than this is not read: a hostile image must not stall a build (CVE-2024-9676). */
const MAX_ACCOUNT_FILE_BYTES = 4 * 1024 * 1024;
const MAX_ID = 0x7fffffff;

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}
interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * USER as the runtimes read it: `name`, `uid`, `name:group`, `uid:gid`, names looked up inside the image. Supplementary
 * groups come from /etc/group unless a group is given. Throws `run/bad-user`.
 */
export function resolveUser(tree: AccountTree, user: string): UserIds {
  const [written = "", group = ""] = splitOnce(user, ":");
  const name = written === "" ? "0" : written;
  const accounts = readAccounts(tree);
  const known = findUser(accounts.users, name);
  const uid = known?.uid ?? parseId(name);
  if (uid === undefined) {
    throw new BuildError("run/bad-user", `there is no user "${name}" in the image's /etc/passwd`, {
      hint: "Create it above (RUN adduser …), or write a number.",
    });
  }
  const home = known === undefined || known.home === "" ? "/" : known.home;
  if (group !== "") {
    const gid = requireGroup(accounts.groups, group);
    return { uid, gid, groups: [gid], home };
  }
  const memberOf = accounts.groups.filter(
    (entry) => known !== undefined && entry.members.includes(known.name),
  );
  const gid = known?.gid ?? 0;
  return { uid, gid, groups: [...new Set([gid, ...memberOf.map((entry) => entry.gid)])], home };
}

function requireGroup(groups: readonly GroupEntry[], text: string): number {
  const gid = findGroup(groups, text)?.gid ?? parseId(text);
  if (gid !== undefined) return gid;
  throw new BuildError("run/bad-user", `there is no group "${text}" in the image's /etc/group`, {
    hint: "Create it above (RUN addgroup …), or write a number.",
  });
}

/** `--chown` as COPY and ADD read it: a number alone is its group too; names come from the image. Throws `copy/bad-owner`. */
export function resolveOwner(
  tree: AccountTree,
  owner: string,
): { readonly uid: number; readonly gid: number } {
  const [name = "", group = ""] = splitOnce(owner, ":");
  const accounts = readAccounts(tree);
  const user = lookUp(name, "user", (text) => findUser(accounts.users, text)?.uid);
  const named = isNumber(name) ? undefined : findUser(accounts.users, name);
  const gid =
    group === ""
      ? (named?.gid ?? user)
      : lookUp(group, "group", (text) => findGroup(accounts.groups, text)?.gid);
  return { uid: user, gid };
}

function lookUp(text: string, kind: "user" | "group", find: (text: string) => number | undefined): number {
  // Every engine takes a negative number for "no id given": the owner stays root.
  if (text === "" || /^-\d+$/.test(text)) return 0;
  if (isNumber(text)) {
    const id = parseId(text);
    if (id !== undefined) return id;
    throw new BuildError("copy/bad-owner", `--chown: ${text} is no ${kind} id`, {
      hint: `Ids go up to ${MAX_ID}.`,
    });
  }
  const found = find(text);
  if (found !== undefined) return found;
  const file = kind === "user" ? "/etc/passwd" : "/etc/group";
  throw new BuildError("copy/bad-owner", `--chown: there is no ${kind} "${text}" in the image's ${file}`, {
    hint: "Write a number, or create the account in a step above.",
    word: text,
  });
}

function parseId(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

function findUser(users: readonly PasswdEntry[], text: string): PasswdEntry | undefined {
  // Digits are an id, even where an account is named so.
  return users.find((entry) => (isNumber(text) ? entry.uid === Number(text) : entry.name === text));
}

function findGroup(groups: readonly GroupEntry[], text: string): GroupEntry | undefined {
  return groups.find((entry) => (isNumber(text) ? entry.gid === Number(text) : entry.name === text));
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function readAccounts(tree: AccountTree): { readonly users: PasswdEntry[]; readonly groups: GroupEntry[] } {
  const users = readLines(tree, encodePath("etc/passwd")).flatMap((fields) => {
    const [name = "", , uid = "", gid = "", , home = ""] = fields;
    return /^\d+$/.test(uid) ? [{ name, uid: Number(uid), gid: Number(gid) || 0, home }] : [];
  });
  const groups = readLines(tree, encodePath("etc/group")).flatMap((fields) => {
    const [name = "", , gid = "", members = ""] = fields;
    return /^\d+$/.test(gid)
      ? [{ name, gid: Number(gid), members: members.split(",").filter((m) => m !== "") }]
      : [];
  });
  return { users, groups };
}

/** Only a regular file inside the image is read, and only so much of it. */
function readLines(tree: AccountTree, path: BytePath): string[][] {
  const real = tree.resolve(path, true);
  const facts = real === undefined ? undefined : tree.facts(real);
  if (real === undefined || facts?.type !== "file" || facts.size > MAX_ACCOUNT_FILE_BYTES) return [];
  const text = Buffer.concat([...tree.read(real)].map((piece) => Buffer.from(piece))).toString("utf8");
  return text.split("\n").map((line) => line.trim().split(":"));
}

function splitOnce(text: string, separator: string): string[] {
  const index = text.indexOf(separator);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + separator.length)];
}
