/** The system part of a base image: the same on every machine. Modes as people write them. */
export const FIXED_DIRECTORIES: Readonly<Record<string, number>> = {
  dev: 0o755,
  etc: 0o755,
  home: 0o755,
  opt: 0o755,
  proc: 0o755,
  root: 0o700,
  run: 0o755,
  srv: 0o755,
  sys: 0o755,
  tmp: 0o1777,
  usr: 0o755,
  "usr/local": 0o755,
  "usr/local/bin": 0o755,
  var: 0o755,
  "var/lib": 0o755,
  "var/log": 0o755,
  "var/tmp": 0o1777,
};

/** Folders that some machines merge by a link (/bin → usr/bin, /usr/sbin → bin); the base has them as its machine does. */
export const MERGEABLE: readonly string[] = ["bin", "lib", "sbin", "usr/bin", "usr/lib", "usr/sbin"];

export const PASSWD = [
  "root:x:0:0:root:/root:/bin/sh",
  "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin",
  "bin:x:2:2:bin:/bin:/usr/sbin/nologin",
  "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin",
  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
  "",
].join("\n");

export const GROUP = [
  "root:x:0:",
  "daemon:x:1:",
  "bin:x:2:",
  "adm:x:4:",
  "tty:x:5:",
  "www-data:x:33:",
  "staff:x:50:",
  "users:x:100:",
  "nogroup:x:65534:",
  "",
].join("\n");

/** Names come from the two files above and nothing else. */
export const NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n";

/** `ID_LIKE` and the version are those of the machine that the libraries come from. */
export function osRelease(host: string | undefined): string {
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(host ?? "")?.[1] ?? "";
  const like = [field("ID"), field("ID_LIKE")].filter(Boolean).join(" ");
  const lines = ['NAME="tsbuild base"', 'PRETTY_NAME="tsbuild base"', "ID=tsbuild-base"];
  if (like !== "") lines.push(`ID_LIKE="${like}"`);
  if (field("VERSION_ID") !== "") lines.push(`VERSION_ID="${field("VERSION_ID")}"`);
  return `${lines.join("\n")}\n`;
}
