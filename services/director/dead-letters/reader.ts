import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { Incoming, KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { readRange } from "@saasaparilla/shared/kafka/read-range.ts";
import { DEAD_LETTERS_PARTITION as partition } from "@saasaparilla/shared/kafka/dead-letters.ts";

const MOST_AT_ONCE = 4;
const DEADLINE_MS = 10_000;

/** Reads dead letters for operators. The number of records, the time and the number of concurrent reads are bounded. */
export class DeadLetterReader {
  readonly #kafka: Pick<KafkaLink, "progress" | "readSlot">;
  readonly #topic: string;
  #reading = 0;

  constructor(kafka: Pick<KafkaLink, "progress" | "readSlot">, topic: string) {
    this.#kafka = kafka;
    this.#topic = topic;
  }

  /** The offset of the oldest record, and the offset after the newest. */
  async range(): Promise<{ first: number; end: number }> {
    // A group that does not exist has no commit, so its position is the oldest record.
    const progress = await inTime(this.#kafka.progress(`${this.#topic}-none`, this.#topic));
    const { committed, end } = progress.get(partition) ?? { committed: 0, end: 0 };
    return { first: committed, end };
  }

  /**
   * Applies `of` to each record in [`from`, `to`), in order. Records that retention deleted are missing. A record can
   * have 2 MB, so each is released at once.
   */
  async read<T>(from: number, to: number, of: (record: Incoming) => T): Promise<T[]> {
    if (this.#reading >= MOST_AT_ONCE)
      throw new Failure("retry", "Too many other requests are reading the dead letters.");
    this.#reading += 1;
    // An abandoned read continues until Kafka is back, and counts against the bound until then.
    return inTime(this.#read(from, to, of).finally(() => (this.#reading -= 1)));
  }

  async #read<T>(from: number, to: number, of: (record: Incoming) => T): Promise<T[]> {
    const found: T[] = [];
    const range = { topic: this.#topic, partition, from, to };
    for await (const record of readRange(this.#kafka, range)) found.push(of(record));
    return found;
  }
}

/** Limits the wait for work that retries while Kafka is away. */
export async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Failure("retry", `Kafka did not answer within ${DEADLINE_MS / 1_000} s.`)),
      DEADLINE_MS,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
