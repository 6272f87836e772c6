import { BuildError } from "../core/errors.ts";
import type { GitAddress } from "../core/git-address.ts";
import { gitFailure } from "./git-failure.ts";
import { bareRemote, type GitCall, runGit } from "./git-program.ts";

/** What an address stands for now. */
export interface ResolvedCommit {
  /** Enters keys. With a .git that is kept an annotated tag is its own object, else the commit that it names. */
  readonly commit: string;
  /** `refs/heads/main`: where the commit was found; "" for one that was given as it is. */
  readonly refName: string;
}

/** The commit of an address; only the default branch, branches and tags are asked for (BuildKit: source/git, resolveMetadata). */
export async function resolveCommit(
  address: GitAddress,
  call: Omit<GitCall, "remote">,
): Promise<ResolvedCommit> {
  const { ref, checksum } = address;
  if (isCommit(ref)) return { commit: requireChecksum(address, [ref.toLowerCase()]), refName: "" };
  if (address.fetchByCommit) {
    if (!isCommit(checksum)) {
      throw new BuildError(
        "remote/bad-address",
        `${address.shown} fetches by a commit that it does not name`,
        {
          hint: "Give the whole commit: ?checksum=….",
        },
      );
    }
    return { commit: checksum, refName: ref === "" || ref.startsWith("refs/") ? ref : `refs/heads/${ref}` };
  }
  return await askForRef(address, call);
}

async function askForRef(address: GitAddress, call: Omit<GitCall, "remote">): Promise<ResolvedCommit> {
  const { ref, remote } = address;
  const wanted =
    ref === ""
      ? ["--symref", "--", bareRemote(remote), "HEAD"]
      : ["--", bareRemote(remote), ref, `${ref}^{}`];
  const { status, stdout, stderr } = await runGit(["ls-remote", ...wanted], { ...call, remote });
  if (status !== 0) throw gitFailure(address, "look up", stderr);
  const found = new Map(
    stdout.split("\n").flatMap((line) => {
      const [value = "", name = ""] = line.split("\t");
      return name === "" ? [] : [[name, value] as const];
    }),
  );
  if (ref === "") return ofHead(address, stdout, found);
  // A branch comes before a tag of its name, as for git checkout.
  const short = ref.replace(/^refs\/(?:heads\/|tags\/)?/, "");
  const names = [`refs/${ref.replace(/^refs\//, "")}`, `refs/heads/${short}`, `refs/tags/${short}`];
  const refName = names.find((name) => found.has(name));
  const object = refName === undefined ? undefined : found.get(refName);
  if (refName === undefined || object === undefined || !isCommit(object)) throw noSuchRef(address);
  const commit = found.get(`${refName}^{}`);
  requireChecksum(address, [object, ...(commit === undefined ? [] : [commit])]);
  return { commit: address.keepGitDir === true ? object : (commit ?? object), refName };
}

function ofHead(address: GitAddress, stdout: string, found: ReadonlyMap<string, string>): ResolvedCommit {
  const commit = found.get("HEAD");
  const refName = /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(stdout)?.[1] ?? "";
  if (commit === undefined || !isCommit(commit)) {
    throw new BuildError("remote/not-found", `${address.shown} has no default branch`, {
      hint: "Name a branch, a tag or a commit: …#main.",
    });
  }
  return { commit: requireChecksum(address, [commit]), refName };
}

function requireChecksum(address: GitAddress, candidates: readonly string[]): string {
  const [first = ""] = candidates;
  if (candidates.some((candidate) => candidate.startsWith(address.checksum))) return first;
  throw new BuildError(
    "remote/checksum-mismatch",
    `${address.shown} is commit ${first}, not ${address.checksum}`,
    {
      hint: "Somebody moved the branch or tag, or the checksum is another's. Name the commit itself, or renew the checksum.",
    },
  );
}

function noSuchRef(address: GitAddress): BuildError {
  return new BuildError("remote/not-found", `${address.shown} has no branch or tag "${address.ref}"`, {
    hint: "A commit is named by all of its digits.",
  });
}

/** All digits of a SHA-1 or SHA-256 name. */
function isCommit(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i.test(text);
}
