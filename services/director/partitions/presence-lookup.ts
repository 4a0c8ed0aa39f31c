import { FairQueue } from "@saasaparilla/shared/fairness/fair-queue.ts";
import { tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import { backOff, type BackoffRange } from "@saasaparilla/shared/runtime/backoff.ts";
import type { Presence } from "@saasaparilla/shared/redis/presence.ts";
import type { Lane } from "#lanes/lane.ts";
import type { PartitionLanes } from "./partition.ts";

/**
 * Asks Redis for many lanes at a time; tenants take turns. While Redis is away it keeps asking: these lanes wait, live
 * ones do not.
 */
const MOST_AT_ONCE = 1_000;
const BACKOFF_MS: BackoffRange = [100, 2_000];

export class PresenceLookup {
  readonly #presence: Presence;
  readonly #failed: (error: unknown) => void;
  readonly #answered: () => void;
  readonly #waiting: FairQueue<Lane, PartitionLanes>;
  /** Asked, and not answered yet. */
  #asked = 0;
  #asking = false;

  constructor(
    presence: Presence,
    weightOf: (tenant: string) => number,
    answered: () => void,
    failed: (error: unknown) => void,
  ) {
    this.#waiting = new FairQueue(weightOf);
    this.#presence = presence;
    this.#answered = answered;
    this.#failed = failed;
  }

  /** Lanes that wait for an answer. */
  get waiting(): number {
    return this.#waiting.size + this.#asked;
  }

  add(partition: PartitionLanes, lane: Lane): void {
    this.#waiting.set(tenantOf(lane.key), lane, partition);
    if (this.#asking) return;
    this.#asking = true;
    setImmediate(() => void this.#ask());
  }

  async #ask(): Promise<void> {
    let tries = 0;
    while (this.#waiting.size > 0) {
      const asked = this.#take();
      this.#asked = asked.length;
      try {
        const answers = await this.#presence.lookUp(asked.map(([lane]) => lane.key));
        tries = 0;
        this.#answered();
        asked.forEach(([lane, partition], index) =>
          partition.dispatch(lane, { type: "found", connections: answers[index]! }),
        );
      } catch (error) {
        for (const [lane, partition] of asked) this.#waiting.set(tenantOf(lane.key), lane, partition);
        this.#asked = 0;
        this.#failed(error);
        await backOff(tries, BACKOFF_MS);
        tries += 1;
      }
    }
    this.#asked = 0;
    this.#asking = false;
  }

  #take(): [Lane, PartitionLanes][] {
    const taken: [Lane, PartitionLanes][] = [];
    while (taken.length < MOST_AT_ONCE) {
      const next = this.#waiting.shift();
      if (!next) break;
      if (next[1].owned) taken.push(next);
    }
    return taken;
  }
}
