import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { listDisk } from "../helpers/list-disk.ts";
import { buildTar, dir, file } from "../helpers/tar-builder.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const INGEST = new URL("../../src/layer/ingest.ts", import.meta.url).href;
const unshare = (...args: string[]) => spawnSync("unshare", ["--user", ...args], { encoding: "utf8" });
const isRoot = process.getuid?.() === 0;
/** What CI cannot run fails there. */
const mustRun = process.env["CI"] === "true";
/** Root may write any mapping, even where /etc/subuid has no line for root; a map is one write, which bash's own printf splits. */
const WRITE_MAPPING = `
  coproc inner { exec unshare --user bash -c 'echo ready; read -r; exec "$@"' - "$@"; }
  pid=$inner_PID
  exec {from}<&"\${inner[0]}"
  read -r <&"$from"
  for map in uid_map gid_map; do env printf '0 0 1\\n1 165536 65536\\n' > "/proc/$pid/$map"; done
  echo go >&"\${inner[1]}"
  cat <&"$from"
  wait "$pid"`;
const withSubIds = (...args: string[]) =>
  isRoot
    ? spawnSync("bash", ["-c", WRITE_MAPPING, "-", ...args], { encoding: "utf8" })
    : unshare("--map-auto", "--map-root-user", ...args);
const withOneId = (...args: string[]) => unshare("--map-root-user", ...args);
const hasUserNamespaces = withOneId("true").status === 0;
const hasSubIds = withSubIds("true").status === 0;

/** Unpacks in a user namespace; what the layer says of itself comes back. */
function ingestInside(
  temp: string,
  inside: typeof withOneId,
): { squashed: boolean; uids: number[]; tree: string } {
  const tree = join(temp, "tree");
  const script = `import { ingestLayer } from ${JSON.stringify(INGEST)};
    const layer = await ingestLayer("${temp}/layer.tar", { tree: { dir: "${tree}", overlay: "user" } });
    console.log(JSON.stringify({ squashed: layer.squashed, uids: layer.toc.uids }));`;
  writeFileSync(join(temp, "script.mjs"), script);
  const members = [
    file("mine", "a"),
    file("other", "b", { uid: 1000, mode: 0o4755 }),
    file("huge", "c", { pax: { uid: "3000000000" } }),
    file("gone/.wh.x"),
    dir("opaque/"),
    file("opaque/.wh..wh..opq"),
    { name: "null", flag: "3", major: 1, minor: 3 },
  ];
  writeFileSync(join(temp, "layer.tar"), buildTar(...members));
  const run = inside(process.execPath, join(temp, "script.mjs"));
  if (run.status !== 0) throw new Error(run.stderr);
  return { ...(JSON.parse(run.stdout) as { squashed: boolean; uids: number[] }), tree };
}

describe("in a user namespace", () => {
  const disk = [
    "d755 gone",
    "c0:0 gone/x",
    "f644 huge c",
    "f644 mine a",
    "d755 opaque opaque",
    "f4755 other b",
  ];

  test.runIf(mustRun || hasUserNamespaces)(
    "with one id: others are ours on disk, kept in the table, and it is said",
    () => {
      using temp = tempDir("userns");
      mkdirSync(temp.path, { recursive: true });
      const { squashed, uids, tree } = ingestInside(temp.path, withOneId);
      expect([squashed, uids.slice(0, 3)]).toEqual([true, [0, 1000, 3_000_000_000]]);
      expect(listDisk(tree)).toEqual(disk);
      const owners = ["mine", "other", "huge"].map((name) => lstatSync(join(tree, name)).uid);
      expect(new Set(owners)).toEqual(new Set([process.getuid?.()]));
    },
  );

  test.runIf(mustRun || isRoot || hasSubIds)("with sub-ids: only ids beyond them become nobody", () => {
    using temp = tempDir("userns");
    const { squashed, tree } = ingestInside(temp.path, withSubIds);
    const [mine = 0, other = 0, huge = 0] = ["mine", "other", "huge"].map(
      (name) => lstatSync(join(tree, name)).uid,
    );
    expect(squashed).toBe(true);
    expect(mine).toBe(process.getuid?.());
    expect(huge - other).toBe(65_534 - 1000);
    // Mapped ids are not ours to delete.
    withSubIds("rm", "-rf", tree);
  });
});
