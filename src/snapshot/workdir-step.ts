import type { FileTree } from "../core/file-tree.ts";
import type { WorkdirOp } from "../core/step.ts";
import { EditView } from "./edit-view.ts";
import { resolveUser } from "./users.ts";

/** Runs a WORKDIR over a snapshot: missing directories are made, 0755, and belong to USER. */
export function runWorkdir(op: WorkdirOp, below: FileTree, nowSeconds: number): EditView {
  const view = new EditView(below);
  const { uid, gid } = op.user === "" ? { uid: 0, gid: 0 } : resolveUser(below, op.user);
  const path = Buffer.from(op.path, "utf8").toString("latin1");
  view.makeDirectories(path, { mode: 0o755, uid, gid, mtimeSeconds: nowSeconds });
  return view;
}
