import { lstatSync, lutimesSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BuildError } from "../core/errors.ts";
import type { GitAddress } from "../core/git-address.ts";
import type { ResolvedCommit } from "./git-commit.ts";
import { gitFailure } from "./git-failure.ts";
import { bareRemote, type GitHost, type GitResult, runGit } from "./git-program.ts";

/**
 * Checks a commit out below an empty folder; the answer is where its files (of the address's folder) are. Only that commit is
 * fetched where the server allows it. Modes are git's under umask 022, times those of the checkout (or of the commit, if asked
 * for); `.git` goes unless it is kept.
 */
export async function checkOut(
  address: GitAddress,
  resolved: ResolvedCommit,
  { parent, ...host }: GitHost & { readonly parent: string },
): Promise<string> {
  const checkout = new Checkout(address, resolved, { ...host, cwd: join(parent, "checkout") });
  return await checkout.run();
}

class Checkout {
  readonly #address: GitAddress;
  readonly #resolved: ResolvedCommit;
  readonly #host: GitHost & { readonly cwd: string };

  constructor(address: GitAddress, resolved: ResolvedCommit, host: GitHost & { readonly cwd: string }) {
    this.#address = address;
    this.#resolved = resolved;
    this.#host = host;
  }

  async run(): Promise<string> {
    const { cwd } = this.#host;
    const { commit } = this.#resolved;
    const { submodules, subdir, keepGitDir, mtime } = this.#address;
    mkdirSync(cwd, { mode: 0o755 });
    const format = commit.length === 64 ? ["--object-format=sha256"] : [];
    await this.#must("begin", ["init", "--quiet", "--template=", ...format]);
    await this.#must("begin", ["remote", "add", "origin", bareRemote(this.#address.remote)]);
    await this.#fetch();
    await this.#must("check out", ["checkout", "--quiet", "--force", "--detach", commit]);
    if (submodules) await this.#must("fetch the submodules of", SUBMODULES);
    const times = mtime === "commit" ? await this.#commitTime() : undefined;
    // With a folder of it named, the repository's own .git is not part of what is asked for.
    if (keepGitDir === true && subdir === "") await this.#tidy();
    else removeGitDirs(Buffer.from(cwd));
    const folder = this.#folder(subdir);
    if (times !== undefined) setTimes(Buffer.from(folder), times);
    return folder;
  }

  /** The one commit; servers of old give out only what their refs name, and some know no shallow fetch. */
  async #fetch(): Promise<void> {
    const { commit, refName } = this.#resolved;
    const shallow = ["fetch", "--quiet", "--no-tags", "--depth=1", "--", "origin"];
    const whole = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
    const attempts = [
      [...shallow, commit],
      ...(refName === "" ? [] : [[...shallow, refName]]),
      ["fetch", "--quiet", "--", "origin", ...whole],
    ];
    let last: GitResult | undefined;
    for (const attempt of attempts) {
      const result = await this.#git(attempt);
      if (result.status === 0 && (await this.#has(commit))) return;
      if (result.status !== 0) last = result;
    }
    if (last !== undefined) throw gitFailure(this.#address, "fetch", last.stderr);
    throw new BuildError("remote/not-found", `${this.#address.shown} has no commit ${commit}`, {
      hint: "Was it removed, or the branch moved, a moment ago? Build again.",
    });
  }

  async #has(commit: string): Promise<boolean> {
    return (await this.#git(["cat-file", "-e", `${commit}^{commit}`])).status === 0;
  }

  /** A .git that is kept tells what was asked for, and nothing about this machine or moment. */
  async #tidy(): Promise<void> {
    const { commit, refName } = this.#resolved;
    if (refName.startsWith("refs/")) await this.#must("check out", ["update-ref", "--", refName, commit]);
    await this.#must("check out", ["reflog", "expire", "--all", "--expire=now"]);
    rmSync(join(this.#host.cwd, ".git", "FETCH_HEAD"), { force: true });
  }

  async #commitTime(): Promise<number> {
    const { stdout } = await this.#must("read", [
      "show",
      "--no-patch",
      "--format=%ct",
      `${this.#resolved.commit}^{commit}`,
    ]);
    return Number(stdout.trim());
  }

  /** Each part must be a real folder: a link in a repository leads nowhere on this machine. */
  #folder(subdir: string): string {
    let at = this.#host.cwd;
    for (const part of subdir === "" ? [] : subdir.split("/")) {
      at = join(at, part);
      if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() === true) continue;
      throw new BuildError("remote/not-found", `${this.#address.shown} has no folder "${subdir}"`, {
        hint: "Check what stands after the colon; links are not followed there.",
      });
    }
    return at;
  }

  async #must(what: string, args: readonly string[]): Promise<GitResult> {
    const result = await this.#git(args);
    if (result.status !== 0) throw gitFailure(this.#address, what, result.stderr);
    return result;
  }

  #git(args: readonly string[]): Promise<GitResult> {
    return runGit(args, { ...this.#host, remote: this.#address.remote });
  }
}

const SUBMODULES = ["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"];

/** The repository's, and the files that stand for it in submodules. */
function removeGitDirs(folder: Buffer): void {
  rmSync(below(folder, ".git"), { recursive: true, force: true });
  for (const path of foldersIn(folder)) removeGitDirs(path);
}

function setTimes(folder: Buffer, seconds: number): void {
  for (const name of readdirSync(folder, { encoding: "buffer" }))
    lutimesSync(below(folder, name), seconds, seconds);
  for (const path of foldersIn(folder)) setTimes(path, seconds);
  lutimesSync(folder, seconds, seconds);
}

/** Names are bytes: not every repository's are UTF-8. */
function foldersIn(folder: Buffer): readonly Buffer[] {
  const names = readdirSync(folder, { encoding: "buffer" });
  return names.map((name) => below(folder, name)).filter((path) => lstatSync(path).isDirectory());
}

function below(folder: Buffer, name: Buffer | string): Buffer {
  return Buffer.concat([folder, Buffer.from("/"), Buffer.from(name)]);
}
