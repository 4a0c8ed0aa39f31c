export interface DrainOptions<P> {
  /** From the first close to the last. */
  spreadMs: number;
  /** Connections per second that one distributor admits. */
  rate: number;
  random: () => number;
  end: (peer: P, retryAfter: number) => void;
}

const TICK_MS = 20;
const LEAST_SECONDS = 1;

/**
 * Ends the connections in random order, spread over a time. If one such distributor cannot admit them that fast, they
 * are told to return over the time that it needs.
 */
export async function drain<P>(peers: P[], { spreadMs, rate, random, end }: DrainOptions<P>): Promise<void> {
  shuffle(peers, random);
  const seconds = Math.max(LEAST_SECONDS, peers.length / rate - spreadMs / 1_000);
  const began = performance.now();
  for (let ended = 0; ended < peers.length;) {
    const share = spreadMs === 0 ? 1 : (performance.now() - began) / spreadMs;
    const due = Math.min(peers.length, Math.floor(share * peers.length) + 1);
    for (; ended < due; ended += 1) end(peers[ended]!, Math.round(random() * seconds * 1_000) / 1_000);
    // For many connections, one timer each would take too long.
    if (ended < peers.length) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}

function shuffle<T>(list: T[], random: () => number): void {
  for (let last = list.length - 1; last > 0; last -= 1) {
    const at = Math.floor(random() * (last + 1));
    [list[last], list[at]] = [list[at]!, list[last]!];
  }
}
