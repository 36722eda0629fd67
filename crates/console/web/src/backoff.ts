/** How long to wait before try number `attempt` (0 is the first retry), milliseconds. Full jitter in the upper
 * half: after a relay restarts, its halls come back spread out instead of all at once. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const top = Math.min(10_000, 400 * 2 ** Math.min(attempt, 10));
  return Math.round(top / 2 + (random() * top) / 2);
}

/** Waits, but no longer than until the network comes back or `signal` ends it. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
