import { Label, Program } from "./program.ts";
import { NR } from "./system-calls.ts";

/** What a probe command writes between the two files. */
export const PROBE_SEPARATOR = "--\n";

/** A command that needs nothing of its image: writes its /proc/self/status, a separator and its /proc/self/mountinfo. */
export function buildProbeProgram(): Buffer {
  const program = new Program();
  addCopy(program, "/proc/self/status");
  const separator = program.bytes(Buffer.from(PROBE_SEPARATOR));
  program.row("write the separator", NR.write, [1, separator, PROBE_SEPARATOR.length]);
  addCopy(program, "/proc/self/mountinfo");
  program.row("exit", NR.exitGroup, [0]);
  program.place(program.failure);
  program.row("exit", NR.exitGroup, [1]);
  return program.build().elf;
}

function addCopy(program: Program, path: string): void {
  const again = new Label();
  const end = new Label();
  const buffer = program.bytes(Buffer.alloc(4096));
  const file = program.row(`open ${path}`, NR.open, [program.text(path), 0]);
  program.place(again);
  const read = program.row(`read ${path}`, NR.read, [file, buffer, 4096], { onZero: end });
  program.row(`write ${path}`, NR.write, [1, buffer, read], { onPositive: again });
  program.place(end);
}
