/** In ms: the pause after the first failure, and the longest pause. */
export type BackoffRange = readonly [first: number, most: number];

/** Each pause is twice the one before. `tries`: failures before this one. */
export function doubled(tries: number, [first, most]: BackoffRange): number {
  return Math.min(first * 2 ** tries, most);
}

/** Takes between half and all of the pause, so that processes that failed together do not try again together. */
export function backoffMs(tries: number, range: BackoffRange, random: () => number = Math.random): number {
  return doubled(tries, range) * (0.5 + random() / 2);
}

export function backOff(tries: number, range: BackoffRange): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, backoffMs(tries, range)));
}
