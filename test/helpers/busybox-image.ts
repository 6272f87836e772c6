import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { tsbuild } from "./run-tsbuild.ts";
import { writeTar } from "./tar-writer.ts";

const BUSYBOX = "/bin/busybox";

/** What every build of these suites is told, so that equal input gives equal digests. */
export const EPOCH = { SOURCE_DATE_EPOCH: "1700000000" };

/** A root file system of this machine's static busybox: every applet, accounts, /tmp. */
export function busyboxTar(): Buffer {
  const applets = execFileSync(BUSYBOX, ["--list"], { encoding: "utf8" }).trim().split("\n");
  const accounts = ["root:x:0:0:root:/root:/bin/sh", "daemon:x:1:1:daemon:/usr/sbin:/bin/sh"];
  const app = "app:x:1000:1000:app:/home/app:/bin/sh";
  return writeTar([
    ...["bin/", "etc/", "home/", "root/", "usr/", "usr/sbin/"].map((path) => ({ path, type: "5" })),
    { path: "home/app/", type: "5", uid: 1000, gid: 1000 },
    { path: "tmp/", type: "5", mode: 0o1777 },
    { path: "bin/busybox", content: readFileSync(BUSYBOX), mode: 0o755 },
    ...applets
      .filter((name) => name !== "busybox")
      .map((name) => ({ path: `bin/${name}`, type: "2", link: "busybox" })),
    { path: "etc/passwd", content: `${[...accounts, app].join("\n")}\n` },
    { path: "etc/group", content: "root:x:0:\ndaemon:x:1:\napp:x:1000:\n" },
  ]);
}

/** Imports it as `busybox:latest`: the same image id in every store. */
export function importBusybox(home: string, name = "busybox:latest"): void {
  tsbuild(["import", "--change", "ENV PATH=/bin", "-", name], { home, env: EPOCH, input: busyboxTar() });
}
