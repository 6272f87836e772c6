import { BuildError } from "../core/errors.ts";
import type { FileTree } from "../core/file-tree.ts";
import type { WorkdirOp } from "../core/step.ts";
import { EditView } from "./edit-view.ts";
import { resolveUser } from "./users.ts";

/** Runs a WORKDIR over a snapshot: missing directories are made, 0755, and belong to USER. */
export function runWorkdir(
  op: WorkdirOp,
  below: FileTree,
  on: { readonly nowSeconds: number; readonly warn: (text: string) => void },
): EditView {
  const view = new EditView(below);
  const { uid, gid } = op.user === "" ? ROOT : maker(below, op.user, on.warn);
  const path = Buffer.from(op.path, "utf8").toString("latin1");
  view.makeDirectories(path, { mode: 0o755, uid, gid, mtimeSeconds: on.nowSeconds });
  return view;
}

const ROOT = { uid: 0, gid: 0 };

/** A user that the image does not know is root here, as in BuildKit (solver/llbsolver/file/user_linux.go): only a RUN needs the account. */
function maker(below: FileTree, user: string, warn: (text: string) => void): typeof ROOT {
  try {
    return resolveUser(below, user);
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== "run/bad-user") throw error;
    warn(`${error.message}: what WORKDIR makes belongs to root`);
    return ROOT;
  }
}
