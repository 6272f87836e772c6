import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/** An ordinary user of this machine, for the time of the tests; and a folder of its own. */
class OrdinaryUser {
  readonly name: string;
  readonly uid: number;
  readonly home: string;

  constructor(name: string, hasSubIds: boolean) {
    this.name = name;
    execFileSync("useradd", ["--no-create-home", "--no-user-group", "--shell", "/bin/sh", name], {
      stdio: "ignore",
    });
    this.uid = Number(execFileSync("id", ["-u", name], { encoding: "utf8" }));
    this.home = mkdtempSync(join(tmpdir(), "tsbuild-user-"));
    chownSync(this.home, this.uid, 0);
    if (!hasSubIds) for (const path of ["/etc/subuid", "/etc/subgid"]) dropLines(path, name);
  }

  /** Runs rootless-probe.ts as this user; its standard output as JSON. */
  probe(executor: string): Probed {
    const script = fileURLToPath(new URL("rootless-probe.ts", import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, [script, executor], {
      uid: this.uid,
      gid: 100,
      cwd: "/",
      env: { PATH: process.env["PATH"], TMPDIR: this.home, HOME: this.home },
      encoding: "utf8",
    });
    try {
      return JSON.parse(stdout) as Probed;
    } catch {
      throw new Error(`the probe said: ${stdout}${stderr}`);
    }
  }

  remove(): void {
    execFileSync("userdel", ["--force", this.name], { stdio: "ignore" });
    rmSync(this.home, { recursive: true, force: true });
  }
}

interface Probed {
  readonly kind: string;
  readonly pidKept: boolean;
  readonly stdout: string;
  readonly other: string;
  readonly left: readonly string[];
}

function dropLines(path: string, name: string): void {
  const lines = readFileSync(path, "utf8").split("\n");
  writeFileSync(path, lines.filter((line) => !line.startsWith(`${name}:`)).join("\n"));
}

const CAPABILITIES = "00000000a80425fb";

describe.each([
  { mapping: "with sub-ids", hasSubIds: true, kind: "full", other: "5 5" },
  { mapping: "without sub-ids", hasSubIds: false, kind: "single", other: "run/bad-user" },
])("an ordinary user $mapping", ({ hasSubIds, kind, other }) => {
  let user: OrdinaryUser;
  beforeAll(() => {
    user = new OrdinaryUser(`tsb${process.pid}${kind}`.slice(0, 30), hasSubIds);
  });
  afterAll(() => user.remove());

  test("becomes root of a user namespace without becoming another process", () => {
    expect(user.probe("native")).toMatchObject({ kind, pidKept: true });
  });

  test("runs a command as another user, or says that it has none", () => {
    expect(user.probe("native").other).toBe(other);
  });

  test.each(["native", "unshare", "oci"])("runs commands by %s with Docker's capabilities", (executor) => {
    const probed = user.probe(executor);
    expect(probed.stdout.trim().split("\n")).toEqual(["0 0", "buildhost", `CapEff:\t${CAPABILITIES}`, "ro"]);
    expect(probed.left).toEqual([]);
  });
});
