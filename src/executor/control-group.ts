import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ControlGroup } from "../core/ports.ts";

/** Docker's limits of a build's commands (moby, build API). Bytes and microseconds; -1 of memory and swap: no limit. */
export interface ResourceLimits {
  readonly memoryBytes?: number | undefined;
  /** Memory and swap together. */
  readonly memorySwapBytes?: number | undefined;
  readonly cpuShares?: number | undefined;
  readonly cpuQuota?: number | undefined;
  readonly cpuPeriod?: number | undefined;
  readonly cpusetCpus?: string | undefined;
  readonly cpusetMems?: string | undefined;
}

/** What was asked for cannot be had here; `reason` in words. */
export interface NoControlGroup {
  readonly reason: string;
}

const MOUNT = "/sys/fs/cgroup";
const CONTROLLERS = ["memory", "cpu", "cpuset"] as const;
type Controller = (typeof CONTROLLERS)[number];
const PREFIX = "tsbuild-";

interface Setting {
  readonly controller: Controller;
  readonly file: string;
  readonly value: string;
}

/**
 * Makes a control group for one command. Version 1 or 2, whichever has the controllers; below this process's own group, so that
 * outer limits hold, or below `parent`. The group is removed with the command; one whose engine was killed by the next call.
 */
export function openControlGroup(
  limits: ResourceLimits,
  parent: string | undefined,
): (ControlGroup & Disposable) | NoControlGroup {
  const isVersion2 = existsSync(join(MOUNT, "cgroup.controllers"));
  const name = `${PREFIX}${process.pid}-${randomUUID().slice(0, 8)}`;
  const made: string[] = [];
  try {
    const settings = isVersion2 ? settings2(limits) : settings1(limits);
    if (isVersion2) openVersion2(settings, { parent, name, made });
    else openVersion1(settings, { parent, name, made });
  } catch (error) {
    for (const dir of made) removeGroup(dir);
    return { reason: error instanceof Error ? error.message : String(error) };
  }
  return {
    joinFiles: made.map((dir) => join(dir, "cgroup.procs")),
    [Symbol.dispose]: () => {
      for (const dir of made) removeGroup(dir);
    },
  };
}

interface Place {
  readonly parent: string | undefined;
  readonly name: string;
  /** Groups that were made, for the caller. */
  readonly made: string[];
}

function openVersion2(settings: readonly Setting[], { parent, name, made }: Place): void {
  // A group with processes of its own hands nothing down: ours goes beside this process's.
  const own = ownGroup("0::");
  const base = join(MOUNT, parent ?? (own === "/" ? "/" : dirname(own)));
  mkdirSync(base, { recursive: true });
  sweepGroups(base);
  const needed = [...new Set(settings.map(({ controller }) => controller))];
  const handed = readFileSync(join(base, "cgroup.subtree_control"), "utf8").trim().split(" ");
  for (const controller of needed) {
    if (!handed.includes(controller)) writeFileSync(join(base, "cgroup.subtree_control"), `+${controller}`);
  }
  const dir = join(base, name);
  mkdirSync(dir);
  made.push(dir);
  for (const { file, value } of settings) writeFileSync(join(dir, file), value);
}

function openVersion1(settings: readonly Setting[], { parent, name, made }: Place): void {
  for (const controller of CONTROLLERS) {
    const asked = settings.filter((one) => one.controller === controller);
    if (asked.length === 0 && parent === undefined) continue;
    const hierarchy = join(MOUNT, controller);
    const base = join(hierarchy, parent ?? ownGroup(`:${controller}:`));
    mkdirSync(base, { recursive: true });
    sweepGroups(base);
    const dir = join(base, name);
    mkdirSync(dir);
    made.push(dir);
    if (controller === "cpuset") inheritCpuset(hierarchy, dir);
    for (const { file, value } of asked) writeFileSync(join(dir, file), value);
  }
}

/** A new group of version 1 has no processors and no memory nodes, and takes nobody in before it has. */
function inheritCpuset(hierarchy: string, dir: string): void {
  if (dir === hierarchy) return;
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if (readFileSync(join(dir, file), "utf8").trim() !== "") continue;
    inheritCpuset(hierarchy, dirname(dir));
    writeFileSync(join(dir, file), readFileSync(join(dirname(dir), file), "utf8").trim());
  }
}

/** This process's group as /proc/self/cgroup has it; "/" where the line is missing or its directory is not here. */
function ownGroup(mark: string): string {
  const lines = readFileSync("/proc/self/cgroup", "utf8").split("\n");
  const line = lines.find((text) => (mark === "0::" ? text.startsWith(mark) : text.includes(mark)));
  const path = line?.slice(line.indexOf(mark) + mark.length) ?? "/";
  const mounted = mark === "0::" ? MOUNT : join(MOUNT, mark.replaceAll(":", ""));
  return existsSync(join(mounted, path)) ? path : "/";
}

function settings1(limits: ResourceLimits): Setting[] {
  const { memoryBytes, memorySwapBytes, cpuShares, cpuQuota, cpuPeriod, cpusetCpus, cpusetMems } = limits;
  return [
    setting("memory", "memory.limit_in_bytes", memoryBytes),
    setting("memory", "memory.memsw.limit_in_bytes", memorySwapBytes),
    setting("cpu", "cpu.shares", cpuShares),
    setting("cpu", "cpu.cfs_period_us", cpuPeriod),
    setting("cpu", "cpu.cfs_quota_us", cpuQuota),
    setting("cpuset", "cpuset.cpus", cpusetCpus),
    setting("cpuset", "cpuset.mems", cpusetMems),
  ].flat();
}

function settings2(limits: ResourceLimits): Setting[] {
  const { memoryBytes, memorySwapBytes, cpuShares, cpuQuota, cpuPeriod, cpusetCpus, cpusetMems } = limits;
  // Version 2 counts swap alone.
  const swap =
    memorySwapBytes === undefined || memorySwapBytes < 0
      ? memorySwapBytes
      : memorySwapBytes - Math.max(memoryBytes ?? 0, 0);
  const hasBandwidth = cpuQuota !== undefined || cpuPeriod !== undefined;
  const quota = cpuQuota === undefined || cpuQuota <= 0 ? "max" : String(cpuQuota);
  return [
    setting("memory", "memory.max", orMax(memoryBytes)),
    setting("memory", "memory.swap.max", orMax(swap)),
    setting("cpu", "cpu.weight", cpuShares === undefined ? undefined : weightOf(cpuShares)),
    setting("cpu", "cpu.max", hasBandwidth ? `${quota} ${cpuPeriod ?? 100_000}` : undefined),
    setting("cpuset", "cpuset.cpus", cpusetCpus),
    setting("cpuset", "cpuset.mems", cpusetMems),
  ].flat();
}

function orMax(value: number | undefined): number | string | undefined {
  return value !== undefined && value < 0 ? "max" : value;
}

/** Shares of 2 to 262144 as weights of 1 to 10000, as the OCI runtimes have it. */
function weightOf(shares: number): number {
  const within = Math.min(Math.max(shares, 2), 262_144);
  return 1 + Math.floor(((within - 2) * 9999) / 262_142);
}

function setting(controller: Controller, file: string, value: number | string | undefined): Setting[] {
  return value === undefined ? [] : [{ controller, file, value: String(value) }];
}

/** Groups of engines that are gone. One that has processes stays: the kernel refuses. */
function sweepGroups(base: string): void {
  for (const name of readdirSync(base)) {
    const pid = name.startsWith(PREFIX) ? /^\d+/.exec(name.slice(PREFIX.length))?.[0] : undefined;
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeGroup(join(base, name));
  }
}

function removeGroup(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // Still in use, or gone.
  }
}
