import { constants } from "node:os";

/** Ctrl+C and TERM: the first cancels and cleans up, the second ends the process at once. */
export interface SignalWatch {
  readonly signal: AbortSignal;
  /** 130 or 143 once a signal came. */
  readonly exitCode: number | undefined;
  /** From here on every signal (a number) goes to `handler` and cancels nothing: a container's command is the one it is for. */
  passOn(handler: (signal: number) => void): Disposable;
  stop(): void;
}

/** Those that a person or a supervisor sends to a command in the foreground. */
const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

export function watchSignals(): SignalWatch {
  const controller = new AbortController();
  let exitCode: number | undefined;
  let isPassedOn = false;
  const onSignal = (code: number) => () => {
    if (isPassedOn) return;
    if (exitCode !== undefined) process.exit(code);
    exitCode = code;
    controller.abort();
  };
  const onInterrupt = onSignal(130);
  const onTerminate = onSignal(143);
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    passOn: (handler) => {
      isPassedOn = true;
      const listeners = PASSED_ON.map((name) => ({ name, listener: () => handler(constants.signals[name]) }));
      for (const { name, listener } of listeners) process.on(name, listener);
      return {
        [Symbol.dispose]: () => {
          isPassedOn = false;
          for (const { name, listener } of listeners) process.off(name, listener);
        },
      };
    },
    stop: () => {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
    },
  };
}
