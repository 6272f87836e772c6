import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../host/atomic-write.ts";
import { readBootId } from "../host/boot-id.ts";
import type { ProbeResult } from "./probe.ts";

const FORMAT = 1;

interface Remembered {
  /** Program, boot and id mapping that the result is true of. */
  readonly subject: string;
  readonly result: ProbeResult;
}

/** The result remembered for the program behind `identity` (path, size, time) in this boot; undefined where there is none. */
export function recallProbe(home: string, name: string, identity: string): ProbeResult | undefined {
  const entry = readAll(home)[name];
  return entry?.subject === subjectOf(identity) ? entry.result : undefined;
}

/** Of two writers at once one is forgotten, and its probe run again some time. */
export function rememberProbe(
  home: string,
  name: string,
  { identity, result }: { identity: string; result: ProbeResult },
): void {
  const all = { ...readAll(home), [name]: { subject: subjectOf(identity), result } };
  const text = JSON.stringify({ format: FORMAT, executors: all }, undefined, 2);
  writeFileAtomic(fileOf(home), `${text}\n`, { tempDir: home, sync: false });
}

function subjectOf(identity: string): string {
  const mapping = readFileSync("/proc/self/uid_map", "utf8").trim().replaceAll(/\s+/g, " ");
  return `${identity}; boot ${readBootId() ?? "unknown"}; ids ${mapping}`;
}

function fileOf(home: string): string {
  return join(home, "executor-probe.json");
}

/** A file that is damaged or of another format is as good as none. */
function readAll(home: string): Readonly<Record<string, Remembered>> {
  try {
    const value: unknown = JSON.parse(readFileSync(fileOf(home), "utf8"));
    return isMemory(value) ? value.executors : {};
  } catch {
    return {};
  }
}

function isMemory(value: unknown): value is { readonly executors: Readonly<Record<string, Remembered>> } {
  if (!isObject(value) || value["format"] !== FORMAT || !isObject(value["executors"])) return false;
  return Object.values(value["executors"]).every(
    (entry) => isObject(entry) && typeof entry["subject"] === "string" && isResult(entry["result"]),
  );
}

function isResult(value: unknown): value is ProbeResult {
  return isObject(value) && typeof value["works"] === "boolean" && Array.isArray(value["lacks"]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
