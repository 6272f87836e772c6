import { debianBase as makeDebianBase } from "../test/helpers/debian-base.ts";

/** The tar of a minimal Debian root file system: BENCH_BASE, else one made once and kept in the temporary folder. */
export function debianBase(): string {
  return process.env["BENCH_BASE"] ?? makeDebianBase("minimal");
}
