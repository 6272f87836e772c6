/** Ctrl+C and TERM: the first cancels and cleans up, the second ends the process at once. */
export interface SignalWatch {
  readonly signal: AbortSignal;
  /** 130 or 143 once a signal came. */
  readonly exitCode: number | undefined;
  stop(): void;
}

export function watchSignals(): SignalWatch {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const onSignal = (code: number) => () => {
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
    stop: () => {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
    },
  };
}
