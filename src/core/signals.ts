/** Signal names and numbers that STOPSIGNAL and `stop`/`kill` take on Linux. */
const NAMES =
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS".split(
    " ",
  );
const ALIASES: Readonly<Record<string, number>> = { CLD: 17, POLL: 29, IOT: 6, RTMIN: 34, RTMAX: 64 };

/** The number of a signal written as `9`, `KILL`, `SIGKILL`, `SIGRTMIN+3`; undefined where it is none. */
export function parseSignal(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number > 0 && number <= 64 ? number : undefined;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const realtime = /^(RTMIN\+|RTMAX-)(\d{1,2})$/.exec(name);
  if (realtime !== null) {
    const offset = Number(realtime[2]);
    const number = realtime[1] === "RTMIN+" ? 34 + offset : 64 - offset;
    return number >= 34 && number <= 64 ? number : undefined;
  }
  const index = NAMES.indexOf(name);
  return index >= 0 ? index + 1 : ALIASES[name];
}
