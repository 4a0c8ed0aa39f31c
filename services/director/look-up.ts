import type { Connections } from "@saasaparilla/shared/connections.ts";
import type { Lane } from "./lane.ts";
import type { PartitionLanes } from "./partition.ts";

/** Asks Redis for many lanes at a time, and goes on asking while it is away: those lanes wait, the live ones do not. */
const MOST_AT_ONCE = 1_000;

export class LookUps {
  readonly #connections: Connections;
  readonly #failed: (error: unknown) => void;
  readonly #answered: () => void;
  readonly #waiting = new Map<Lane, PartitionLanes>();
  #asking = false;

  constructor(connections: Connections, answered: () => void, failed: (error: unknown) => void) {
    this.#connections = connections;
    this.#answered = answered;
    this.#failed = failed;
  }

  /** Lanes that wait for an answer. */
  get waiting(): number {
    return this.#waiting.size;
  }

  add(partition: PartitionLanes, lane: Lane): void {
    this.#waiting.set(lane, partition);
    if (this.#asking) return;
    this.#asking = true;
    setImmediate(() => void this.#ask());
  }

  async #ask(): Promise<void> {
    let backoff = 100;
    while (this.#waiting.size > 0) {
      const asked = [...this.#waiting].slice(0, MOST_AT_ONCE).filter(([lane, partition]) => {
        if (partition.owned) return true;
        this.#waiting.delete(lane);
        return false;
      });
      try {
        const answers = await this.#connections.lookUp(asked.map(([lane]) => lane.key));
        backoff = 100;
        this.#answered();
        asked.forEach(([lane, partition], index) => {
          this.#waiting.delete(lane);
          partition.dispatch(lane, { type: "found", connections: answers[index]! });
        });
      } catch (error) {
        this.#failed(error);
        await new Promise((resolve) => setTimeout(resolve, backoff * (0.5 + Math.random() / 2)));
        backoff = Math.min(backoff * 2, 2_000);
      }
    }
    this.#asking = false;
  }
}
