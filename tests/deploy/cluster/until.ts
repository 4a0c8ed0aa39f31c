import { setTimeout as sleep } from "node:timers/promises";

/** Waits for a result; on a timeout it reports the awaited condition and the last error. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  patienceMs = 180_000,
): Promise<T> {
  let last: unknown;
  for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(200)) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`Waited ${patienceMs / 1_000} s: ${what}`, { cause: last });
}
