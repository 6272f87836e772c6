import type { KeyInput } from "../core/cache-key.ts";
import type { CopyOp, RemoteSource } from "../core/step.ts";
import type { KeyMaterial } from "./model.ts";

/** What ADD fetched: the digest or commit that each came to. */
export function remoteInputs({ remotes }: KeyMaterial): KeyInput[] {
  return remotes.map(({ shown, value }) => ({ kind: "remote", subject: shown, value }));
}

/** How what ADD fetches is laid down, a text a source. */
export function remoteFlags({ remotes = [] }: CopyOp): string[] {
  return remotes.map((remote) => flagsOf(remote));
}

/** What of a fetched source enters besides the digest or commit that it came to; free text stands last. */
function flagsOf(remote: RemoteSource): string {
  if (remote.type === "http") return `at=${remote.at} extract=${remote.unpack} name=${remote.name}`;
  const { subdir, keepGitDir = false, submodules, mtime, ref } = remote.address;
  // The name of a branch is in a .git that is kept, and nowhere else.
  const kept = `keep-git-dir=${keepGitDir ? `true ref=${ref}` : "false"}`;
  return `at=${remote.at} ${kept} submodules=${submodules} mtime=${mtime} folder=${subdir}`;
}
