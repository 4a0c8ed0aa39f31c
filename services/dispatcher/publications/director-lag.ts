import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import type { Pace } from "./pace.ts";

/** Call `look` once a second: a partition lags if its directors have not read what was there at the look before. */
export class DirectorLag {
  readonly #progress: () => ReturnType<KafkaLink["progress"]>;
  readonly #pace: Pick<Pace, "adjust">;
  #ends: ReadonlyMap<number, number> = new Map();
  #looking = false;

  constructor(progress: () => ReturnType<KafkaLink["progress"]>, pace: Pick<Pace, "adjust">) {
    this.#progress = progress;
    this.#pace = pace;
  }

  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const progress = await this.#progress();
      for (const [partition, { read }] of progress)
        this.#pace.adjust(partition, read < (this.#ends.get(partition) ?? 0));
      this.#ends = new Map([...progress].map(([partition, { end }]) => [partition, end]));
    } finally {
      this.#looking = false;
    }
  }
}
