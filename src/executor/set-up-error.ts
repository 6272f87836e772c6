import { getSystemErrorName } from "node:util";
import { BuildError } from "../core/errors.ts";

/** An error before the command started. `what` is the step that failed ("mount /proc"), `errno` positive. */
export function setUpError(what: string, errno: number): BuildError {
  return setUpFailure(what, errno === 0 ? "no answer" : getSystemErrorName(-errno));
}

/** `name`: of the error, or whatever is known of it. */
export function setUpFailure(what: string, name: string): BuildError {
  const message = `cannot prepare the command: ${what}: ${name}`;
  if (/^(become|set the groups)/.test(what)) {
    return new BuildError("run/bad-user", message, {
      hint:
        name === "EINVAL"
          ? "This id is not mapped here: an ordinary user needs lines in /etc/subuid and /etc/subgid."
          : undefined,
    });
  }
  if (/^(enter|make) \//.test(what)) {
    return new BuildError("run/cannot-start", message, {
      hint: "Is WORKDIR a directory that can be entered?",
    });
  }
  if (/^(mount|make) (\/|a new )proc$/.test(what) && name === "EPERM") {
    return new BuildError("run/workspace", message, {
      hint: "This machine's own /proc is partly hidden, as in a container: run the outer container with an unmasked /proc.",
    });
  }
  return new BuildError("run/workspace", message, {
    hint: "`tsbuild doctor` says what this machine allows.",
  });
}
