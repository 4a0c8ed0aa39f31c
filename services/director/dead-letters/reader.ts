import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { Incoming, KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { readRange } from "@saasaparilla/shared/kafka/read-range.ts";
import { DEAD_LETTERS_PARTITION as partition } from "./dead-letters.ts";

const MOST_AT_ONCE = 4;
const DEADLINE_MS = 10_000;

/** Reads the dead letters for an operator: so many records, for so long, by so many at once. */
export class DeadLetterReader {
  readonly #kafka: Pick<KafkaLink, "progress" | "readSlot">;
  readonly #topic: string;
  #reading = 0;

  constructor(kafka: Pick<KafkaLink, "progress" | "readSlot">, topic: string) {
    this.#kafka = kafka;
    this.#topic = topic;
  }

  /** The offset of the oldest, and the one after the newest. */
  async range(): Promise<{ first: number; end: number }> {
    // A group that does not exist has committed nothing: it would go on at the oldest.
    const progress = await inTime(this.#kafka.progress(`${this.#topic}-none`, this.#topic));
    const { committed, end } = progress.get(partition) ?? { committed: 0, end: 0 };
    return { first: committed, end };
  }

  /**
   * What `of` makes of each record from `from` to before `to`, in order; what retention has taken is left out. A record may
   * have 2 MB, and is let go at once.
   */
  async read<T>(from: number, to: number, of: (record: Incoming) => T): Promise<T[]> {
    if (this.#reading >= MOST_AT_ONCE) throw new Failure("retry", "The dead letters are being read by others.");
    this.#reading += 1;
    // One that is given up goes on until Kafka is back, and counts until then.
    return inTime(this.#read(from, to, of).finally(() => (this.#reading -= 1)));
  }

  async #read<T>(from: number, to: number, of: (record: Incoming) => T): Promise<T[]> {
    const found: T[] = [];
    const range = { topic: this.#topic, partition, from, to };
    for await (const record of readRange(this.#kafka, range)) found.push(of(record));
    return found;
  }
}

/** What goes on trying while Kafka is away is not waited for longer. */
export async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Failure("retry", `Kafka has not answered within ${DEADLINE_MS / 1_000} s.`)),
      DEADLINE_MS,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
