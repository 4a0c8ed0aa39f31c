/** Times of a schedule in ms since 1970, by Postgres' clock. */
export interface Span {
  /** The first occurrence that may fire, because the schedule was being written. */
  possible: number;
  /** The occurrence of the first timer that was seen. It and those after it must fire. */
  first: number;
  /** The last time at which an occurrence must fire. */
  end: number;
  /** The last time at which one may fire: the schedule was being removed. */
  removed: number;
}

/** The occurrences that may fire, and whether they must. Pure. */
export function occurrencesOf({ possible, first, end, removed }: Span, every: number): { at: number; due: boolean }[] {
  const found: { at: number; due: boolean }[] = [];
  for (let at = possible; at <= removed; at += every) found.push({ at, due: at >= first && at <= end });
  return found;
}
