import type { ClientKey, Sequence } from "#protocol/notification.ts";

/** Queues in the order of their keys: two statements that lock several queues never wait for each other. */
export function inLockOrder<V>(asked: ReadonlyMap<ClientKey, V>): Map<ClientKey, V> {
  return new Map([...asked].sort(([a], [b]) => byKey(a, b)));
}

export function byKey(a: ClientKey, b: ClientKey): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function countsOf(asked: ReadonlyMap<ClientKey, readonly unknown[]>): [ClientKey[], number[]] {
  return [[...asked.keys()], Array.from(asked.values(), ({ length }) => length)];
}

/** Returns the places of those that are not confirmed. */
export function confirmQuery(schema: string, asked: ReadonlyMap<ClientKey, readonly Sequence[]>) {
  return {
    name: "queue-confirm",
    text: `select queue_confirm as place from ${schema}.queue_confirm($1::text[], $2::int[], $3::text[])`,
    values: [...countsOf(asked), [...asked.values()].flat()],
  };
}

/** Places count from 1. */
export function placesOf(rows: readonly { place: number }[]): ReadonlySet<number> {
  return new Set(rows.map(({ place }) => place));
}

/** The items whose place fits, by queue. Queues without such an item are left out. */
export function rest<T>(
  asked: ReadonlyMap<ClientKey, readonly T[]>,
  fits: (place: number) => boolean,
): Map<ClientKey, T[]> {
  const found = new Map<ClientKey, T[]>();
  let place = 0;
  for (const [queue, items] of asked) {
    const fitting = items.filter(() => fits((place += 1)));
    if (fitting.length > 0) found.set(queue, fitting);
  }
  return found;
}
