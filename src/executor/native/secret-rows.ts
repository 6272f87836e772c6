import type { RunSpec } from "../../core/ports.ts";
import type { RunFiles } from "../run-files.ts";
import { SECRET_ENV } from "../stage-mounts.ts";
import { CHANNEL } from "./launch.ts";
import { MESSAGE, type Program } from "./program.ts";
import { MS, NR, O_CLOEXEC } from "./system-calls.ts";

/**
 * Rows for what must be on no disk, this program's own file included: a tmpfs that the engine fills through
 * /proc/<launcher>/root. Variables are read from there into room that is left for them. Gives where each will be.
 */
export function addPrivateRows(program: Program, spec: RunSpec, files: RunFiles): readonly number[] {
  if (files.private === undefined) return [];
  const tmpfs = program.text("tmpfs");
  const { directory } = files.private;
  const flags = MS.noSuid | MS.noDev | MS.noExec;
  program.row("mount the secrets", NR.mount, [
    tmpfs,
    program.text(directory),
    tmpfs,
    flags,
    program.text("mode=700"),
  ]);
  program.row("ask for the secrets", NR.write, [CHANNEL, program.words(MESSAGE.private), 8]);
  program.row("wait for the secrets", NR.read, [CHANNEL, program.words(0), 8], { onZero: program.failure });
  const content = files.private.files.find(({ name }) => name === SECRET_ENV)?.content;
  if (content === undefined) return [];
  const room = program.bytes(Buffer.alloc(content.length));
  const path = program.text(`${directory}/${SECRET_ENV}`);
  const file = program.row("open the secret variables", NR.open, [path, O_CLOEXEC, 0]);
  // A regular file is read whole by one call.
  program.row("read the secret variables", NR.read, [file, room, content.length]);
  let at = room;
  return (spec.secretEnv ?? []).map(({ name, value }) => {
    const address = at;
    at += Buffer.byteLength(`${name}=${value}`) + 1;
    return address;
  });
}
