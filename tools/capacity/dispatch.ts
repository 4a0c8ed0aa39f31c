/**
 * CPU microseconds. For a member that a publication reaches: `just bench "group of 1,000,000"` measured 5.8, 14.1 and
 * 23.7. For a message that is published to a queue, claimed and confirmed: docs/guides/queues.md has the measurement.
 */
export const dispatchCost = {
  member: { dispatcher: 6, director: 14, postgres: 24 },
  message: { dispatcher: 10, director: 14, postgres: 45 },
} as const;

/** Cores for both kinds of work. */
export function dispatchCores(
  { members, queued }: { members: number; queued: number },
  by: keyof (typeof dispatchCost)["member"],
): number {
  return (members * dispatchCost.member[by] + queued * dispatchCost.message[by]) / 1e6;
}

/** The formula's text in a line. */
export function dispatchFormula(by: keyof (typeof dispatchCost)["member"]): string {
  return `members x ${dispatchCost.member[by]} us + messages of queues x ${dispatchCost.message[by]} us`;
}
