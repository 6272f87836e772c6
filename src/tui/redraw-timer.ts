/** At most ten redraws a second; between events the clocks of running rows tick at half of that. */
const FRAME_MS = 100;
const TICK_MS = 200;

export interface RedrawTimer {
  /** Draws soon, and once for all calls until then. */
  readonly request: () => void;
  /** Draws now. */
  readonly now: () => void;
  readonly stop: () => void;
}

/** Keeps no process alive by itself. */
export function createRedrawTimer(draw: () => void): RedrawTimer {
  let drawnAt = Number.NEGATIVE_INFINITY;
  let pending: NodeJS.Timeout | undefined;
  const now = () => {
    clearTimeout(pending);
    pending = undefined;
    drawnAt = performance.now();
    draw();
  };
  const request = () => {
    if (pending !== undefined) return;
    pending = setTimeout(now, Math.max(0, drawnAt + FRAME_MS - performance.now()));
    pending.unref();
  };
  const tick = setInterval(request, TICK_MS);
  tick.unref();
  return {
    request,
    now,
    stop() {
      clearTimeout(pending);
      clearInterval(tick);
    },
  };
}
