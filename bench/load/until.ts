import { setTimeout as sleep } from "node:timers/promises";

/** Checks the condition at this interval until it is true. */
export async function until(
  holds: () => Promise<boolean>,
  what: string,
  everyMs = 50,
  deadlineMs = 180_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not within ${deadlineMs} ms: ${what}.`);
    await sleep(everyMs);
  }
}
