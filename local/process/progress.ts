const started = performance.now();

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/**
 * Prints one line after the work: a tick, the label and the duration. It uses stderr, so that stdout has only the
 * answer.
 */
export async function step<T>(label: string, work: () => Promise<T>): Promise<T> {
  const since = performance.now();
  const result = await work();
  process.stderr.write(`✓ ${label.padEnd(44)} ${seconds(since).padStart(7)}\n`);
  return result;
}

/** Announces slow work before it begins, so that users know why they wait. */
export function note(text: string): void {
  process.stderr.write(`… ${text}\n`);
}

export function elapsed(): string {
  return seconds(started);
}
