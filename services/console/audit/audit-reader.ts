import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { readRange } from "@saasaparilla/shared/kafka/read-range.ts";
import { setTimeout as sleep } from "node:timers/promises";

/** The newest records of each partition that are read. A record has the entries of a second or more. */
const MOST_RECORDS = 1_000;
const MOST_AT_ONCE = 2;
const PATIENCE_MS = 10_000;

export interface AuditEntry {
  at: string;
  tenant?: string;
  subject?: string;
  allowed?: boolean;
  [name: string]: unknown;
}

/** Reads the end of the audit log. Records, time and concurrent reads are bounded. */
export class AuditReader {
  readonly #kafka: Pick<KafkaLink, "progress" | "readSlot">;
  readonly #topic: string;
  #reading = 0;

  constructor(kafka: Pick<KafkaLink, "progress" | "readSlot">, topic: string) {
    this.#kafka = kafka;
    this.#topic = topic;
  }

  /** The matching entries, the newest first. */
  async latest(fits: (entry: AuditEntry) => boolean): Promise<AuditEntry[]> {
    if (this.#reading >= MOST_AT_ONCE) throw new Failure("retry", "Others read the audit log. Try again in a moment.");
    this.#reading += 1;
    // A late read goes on until Kafka answers, and counts until then.
    const read = this.#read(fits).finally(() => (this.#reading -= 1));
    const given = new AbortController();
    const late = sleep(PATIENCE_MS, undefined, { signal: given.signal }).then(() => {
      throw new Failure("retry", "Kafka did not answer in time.");
    });
    try {
      return await Promise.race([read, late]);
    } finally {
      given.abort();
      late.catch(() => {});
    }
  }

  async #read(fits: (entry: AuditEntry) => boolean): Promise<AuditEntry[]> {
    const topic = this.#topic;
    // A group without a commit is at the oldest record.
    const progress = await this.#kafka.progress(`${topic}-none`, topic);
    const found = await Promise.all(
      Array.from(progress, async ([partition, { committed, end }]) => {
        const entries: AuditEntry[] = [];
        const from = Math.max(committed, end - MOST_RECORDS);
        for await (const { value } of readRange(this.#kafka, { topic, partition, from, to: end }))
          for (const line of (value ?? Buffer.alloc(0)).toString().split("\n")) {
            const entry = parsed(line);
            if (entry && fits(entry)) entries.push(entry);
          }
        return entries;
      }),
    );
    return found.flat().sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
  }
}

function parsed(line: string): AuditEntry | undefined {
  try {
    const entry = JSON.parse(line) as AuditEntry;
    return typeof entry.at === "string" ? entry : undefined;
  } catch {
    return undefined;
  }
}
