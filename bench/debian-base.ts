import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The tar of a minimal Debian root file system: BENCH_BASE, else one made once and kept in the temporary folder. */
export function debianBase(): string {
  const given = process.env["BENCH_BASE"];
  if (given !== undefined) return given;
  const folder = join(tmpdir(), "tsbuild-bench-base");
  const tar = join(folder, "debian-bookworm.tar");
  if (existsSync(tar)) return tar;
  mkdirSync(folder, { recursive: true });
  console.error(`Making ${tar} with mmdebstrap; once.`);
  const unfinished = join(folder, `unfinished-${process.pid}.tar`);
  execFileSync("mmdebstrap", ["--variant=minbase", "bookworm", unfinished], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  renameSync(unfinished, tar);
  return tar;
}
