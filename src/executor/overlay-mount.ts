import { join } from "node:path";
import type { RootSpec } from "../core/ports.ts";

/** mount(2) takes one page of options; util-linux and the kernel need a few bytes of it themselves. */
const MAX_OPTIONS_BYTES = 4000;
/** OVL_MAX_STACK of the kernel. */
export const MAX_LOWERS = 500;

/** An overlay mount as system calls want it: names relative to a working directory, so that many fit into one page. */
export interface OverlayMount {
  /** Working directory of the mount call. */
  readonly directory: string;
  readonly options: string;
  /** Symbolic links to make in `directory` first: name, target. */
  readonly links: readonly (readonly [string, string])[];
}

export interface OverlayPlace {
  /** Bottommost lower with our mount points; undefined: none is wanted. Left out where the stack has no room for one more. */
  readonly scaffold: string | undefined;
  /** An empty directory for short links, used where relative paths are too long or hold `,`, `:` or `\`. */
  readonly linkDirectory: string;
  readonly inUserNamespace: boolean;
}

/** Options are those of architecture.md section 4: no redirects or metadata-only copies from foreign layers, no syncing. */
export function overlayMount(
  root: Extract<RootSpec, { type: "overlay" }>,
  place: OverlayPlace,
): OverlayMount {
  const { scaffold } = place;
  const lowers =
    scaffold !== undefined && root.lowers.length < MAX_LOWERS ? [...root.lowers, scaffold] : root.lowers;
  const directory = commonDirectory([...lowers, root.upper, root.work]);
  const relative = {
    lowers: lowers.map((path) => path.slice(directory.length)),
    upper: root.upper.slice(directory.length),
    work: root.work.slice(directory.length),
  };
  const isDurable = root.durable === true;
  const options = toOptions(relative, { ...place, isDurable });
  const isPlain = ![...relative.lowers, relative.upper, relative.work].some(
    (path) => path === "" || /[,:\\]/.test(path),
  );
  if (isPlain && Buffer.byteLength(options) <= MAX_OPTIONS_BYTES) return { directory, options, links: [] };

  const links: [string, string][] = lowers.map((path, i) => [i.toString(36), path]);
  const linked = { lowers: links.map(([name]) => name), upper: "upper", work: "work" };
  links.push(["upper", root.upper], ["work", root.work]);
  return {
    directory: join(place.linkDirectory, "/"),
    options: toOptions(linked, { ...place, isDurable }),
    links,
  };
}

interface Names {
  readonly lowers: readonly string[];
  readonly upper: string;
  readonly work: string;
}

function toOptions(
  names: Names,
  how: { readonly inUserNamespace: boolean; readonly isDurable: boolean },
): string {
  const options = [
    `lowerdir=${names.lowers.join(":")}`,
    `upperdir=${names.upper}`,
    `workdir=${names.work}`,
    "redirect_dir=nofollow,metacopy=off,index=off",
  ];
  if (!how.isDurable) options.push("volatile");
  if (how.inUserNamespace) options.push("userxattr");
  return options.join(",");
}

/** The deepest directory above all of the absolute paths, with a trailing slash. */
function commonDirectory(paths: readonly string[]): string {
  let common = paths[0] ?? "/";
  for (const path of paths) {
    let length = 0;
    while (length < common.length && common[length] === path[length]) length++;
    common = common.slice(0, length);
  }
  return common.slice(0, common.lastIndexOf("/") + 1);
}
