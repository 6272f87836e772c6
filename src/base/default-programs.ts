/** What a shell image is expected to have. Those that a machine lacks are left out, `sh` excepted. */
export const DEFAULT_PROGRAMS: readonly string[] = [
  ..."sh awk basename cat chgrp chmod chown cmp comm cp cut date dd df dirname du echo env expr false find getent".split(
    " ",
  ),
  ..."grep gzip gunzip head hostname id install kill ln ls mkdir mkfifo mktemp mv nice nl nproc od paste printenv".split(
    " ",
  ),
  ..."printf pwd readlink realpath rm rmdir sed seq sha256sum sleep sort split stat stty sync tail tar tee test".split(
    " ",
  ),
  ..."timeout touch tr true truncate tty uname uniq wc which whoami xargs yes [".split(" "),
];

/** Where programs are looked for: the system's own first, so that a local wrapper does not get in by accident. */
export const SEARCH_PATH: readonly string[] = [
  "/usr/bin",
  "/bin",
  "/usr/sbin",
  "/sbin",
  "/usr/local/bin",
  "/usr/local/sbin",
];
