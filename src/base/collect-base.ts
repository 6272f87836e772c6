import { encodePath } from "../core/byte-path.ts";
import type { ContainerConfig } from "../core/image.ts";
import type { PackEntry } from "../core/ports.ts";
import { BaseCollector } from "./base-collector.ts";
import { DEFAULT_PROGRAMS } from "./default-programs.ts";
import { FIXED_DIRECTORIES, GROUP, MERGEABLE, NSSWITCH, osRelease, PASSWD } from "./fixed-files.ts";
import { HostRoot } from "./host-root.ts";

export interface BaseOptions {
  /** Only the named programs, without the usual ones of a shell image. */
  readonly only?: boolean;
  /** Time of every entry, in seconds since 1970 (SOURCE_DATE_EPOCH). */
  readonly epochSeconds?: number | undefined;
  /** The machine's root directory; `/` but in tests. */
  readonly root?: string;
}

export interface CollectedBase {
  /** In byte order, parents first, owner 0:0. */
  readonly entries: readonly PackEntry[];
  readonly config: ContainerConfig;
  /** Absolute paths of the programs taken, as they are named in the image. */
  readonly programs: readonly string[];
  /** Usual programs that this machine does not have. */
  readonly missing: readonly string[];
}

/** 2020-01-01: a base is the same whenever it is made, and no tool calls the time implausible. */
const EPOCH_SECONDS = 1_577_836_800;

/**
 * A base image out of this machine's own programs: the programs, the shared libraries and interpreters that they need, and
 * the few files and folders that make a system. Programs are read and never executed. `programs` are names or absolute
 * paths; a directory is taken whole. Throws `base/program-not-found` and `base/library-not-found`.
 */
export function collectBase(programs: readonly string[], options: BaseOptions = {}): CollectedBase {
  const root = new HostRoot(options.root ?? "/");
  const collector = new BaseCollector(root, options.epochSeconds ?? EPOCH_SECONDS);
  addSystem(collector, root);
  const usual = options.only === true && programs.length > 0 ? [] : DEFAULT_PROGRAMS;
  const missing = usual.filter((name) => !collector.addProgram(name, "if-present"));
  for (const name of programs) collector.addProgram(name, "required");
  return {
    entries: collector.entries(),
    config: {
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      Cmd: [usual.length > 0 ? "/bin/sh" : (collector.programs[0] ?? "/bin/sh")],
      WorkingDir: "/",
    },
    programs: collector.programs,
    missing,
  };
}

function addSystem(collector: BaseCollector, root: HostRoot): void {
  for (const [path, mode] of Object.entries(FIXED_DIRECTORIES)) collector.addDirectory(path, mode);
  for (const name of MERGEABLE) collector.addSystemFolder(name);
  if (root.stats(encodePath("lib64")) !== undefined) collector.addSystemFolder("lib64");
  collector.addText("etc/passwd", PASSWD);
  collector.addText("etc/group", GROUP);
  collector.addText("etc/nsswitch.conf", NSSWITCH);
  collector.addText("etc/os-release", osRelease(root.text(encodePath("etc/os-release"))));
}
