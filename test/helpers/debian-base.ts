import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SUITE = "bookworm";

/** Compilers and interpreters of the examples. Go's own sources of the compiler, test data and documentation are left out. */
const TOOLCHAIN = ["gcc", "libc6-dev", "make", "python3-minimal", "nodejs", "golang-go"];
const GO = "/usr/lib/go-1.19/pkg";
const LEFT_OUT = [
  ...["doc", "man", "locale", "info", "lintian"].map((name) => `/usr/share/${name}/*`),
  ...["test", "api", "src/cmd"].map((name) => `/usr/share/go-1.19/${name}/*`),
  ...["linux_amd64/cmd", "linux_amd64_race", "linux_amd64_dynlink"].map((name) => `${GO}/${name}/*`),
  ..."trace pprof vet api cover cgo objdump doc addr2line nm dist fix test2json"
    .split(" ")
    .map((name) => `${GO}/tool/linux_amd64/${name}`),
  ...["lto1", "lib*san*"].map((name) => `/usr/lib/gcc/*/${name}`),
  "/usr/bin/*lto-dump*",
];

const KINDS = {
  /** The smallest that apt makes. */
  minimal: [],
  toolchain: [
    `--include=${TOOLCHAIN.join()}`,
    ...LEFT_OUT.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
  ],
} as const;

/** The tar of a Debian root file system from this machine's own package sources: made once, and kept in the temporary folder. */
export function debianBase(kind: keyof typeof KINDS): string {
  const folder = join(tmpdir(), "tsbuild-debian");
  const tar = join(folder, `${SUITE}-${kind}.tar`);
  if (existsSync(tar)) return tar;
  mkdirSync(folder, { recursive: true });
  console.error(`Making ${tar} with mmdebstrap; once.`);
  const unfinished = join(folder, `unfinished-${process.pid}.tar`);
  execFileSync("mmdebstrap", ["--variant=minbase", "--quiet", ...KINDS[kind], SUITE, unfinished], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  renameSync(unfinished, tar);
  return tar;
}
