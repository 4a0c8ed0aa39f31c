import { setTimeout as sleep } from "node:timers/promises";
import type { Service } from "../tests/stack.ts";

/** The sum of a service's metric over the label sets that contain all of `labels`. */
export async function metric(service: Service, name: string, ...labels: string[]): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  let sum = 0;
  for (const line of text.split("\n")) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    if (labels.every((label) => line.includes(label))) sum += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return sum;
}

/** Looks every so many ms until it holds. */
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
