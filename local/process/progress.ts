const started = performance.now();

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** One line once it is done: a tick, what was done, how long it took. Progress goes to stderr, so that stdout stays an answer. */
export async function step<T>(label: string, work: () => Promise<T>): Promise<T> {
  const since = performance.now();
  const result = await work();
  process.stderr.write(`✓ ${label.padEnd(44)} ${seconds(since).padStart(7)}\n`);
  return result;
}

/** For what takes long: said before it begins, so that nobody stares at nothing. */
export function note(text: string): void {
  process.stderr.write(`… ${text}\n`);
}

export function elapsed(): string {
  return seconds(started);
}
