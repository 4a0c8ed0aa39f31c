import { classify, Failure } from "@saasaparilla/shared/errors.ts";
import type { Batch } from "@saasaparilla/shared/kafka.ts";
import { SEQUENCE_FORM, type ClientKey } from "@saasaparilla/shared/notification.ts";
import { checkNotification, Kind, notificationBody, readDeferred, readPack } from "@saasaparilla/shared/pack.ts";
import type { ConnectionId } from "@saasaparilla/shared/signals.ts";
import type { StoredNotification } from "@saasaparilla/shared/stored.ts";
import { deadLetterOf, NOTHING, type DeadLetter } from "./dead-letters.ts";

/** Connections that are remembered, at most: who finds no place asks again by itself. */
const MAX_WANTING = 50_000;

/**
 * Whether a partition has anything deferred that is not in Postgres yet. While it has, everything that would be stored is
 * deferred too, behind it: later notifications inserted directly would be replayed before the earlier ones. A new owner
 * begins with what the one before it left.
 */
export class Deferral {
  /** The offset of deferred to read next, and the one after the last that counts. */
  #position: number;
  #end: number;
  #appending = 0;
  /** Connections that asked for a hold while there was something deferred: a replay would not find it. */
  #wanting = new Map<string, { key: ClientKey; id: ConnectionId }>();

  constructor(position: number, end: number) {
    this.#position = position;
    this.#end = end;
  }

  get active(): boolean {
    return this.#appending > 0 || this.#position < this.#end;
  }

  /** One more is on its way into the topic. */
  appending(): void {
    this.#appending += 1;
  }

  appended(offset: number): void {
    this.#appending -= 1;
    this.#end = Math.max(this.#end, offset + 1);
  }

  /** Everything up to this offset is in Postgres. */
  drainedTo(next: number): void {
    this.#position = Math.max(this.#position, next);
  }

  want(key: ClientKey, id: ConnectionId): void {
    if (this.#wanting.size < MAX_WANTING) this.#wanting.set(`${id.incarnation}:${id.session}`, { key, id });
  }

  takeWanting(): Iterable<{ key: ClientKey; id: ConnectionId }> {
    const wanting = this.#wanting.values();
    this.#wanting = new Map();
    return wanting;
  }

  /**
   * The rows of what was not read yet, whoever deferred it: an earlier owner that goes on appends a client's notifications in
   * order too, so that what is in Postgres never has a gap. To pick among them would make one. What is rejected is for the
   * dead letters once the rows are in Postgres: while that is away the batch is read again and again.
   */
  read(batch: Batch): { rows: StoredNotification[]; rejected: DeadLetter[] } {
    const rows: StoredNotification[] = [];
    const rejected: DeadLetter[] = [];
    for (const record of batch.records) {
      if (record.offset < this.#position) continue;
      const whole: StoredNotification[] = [];
      try {
        readPack(record.value ?? NOTHING, (kind, body, index) => {
          if (kind === Kind.DEFERRED) whole.push(toRow(body, index));
        });
        rows.push(...whole);
      } catch (error) {
        if (classify(error) !== "reject") throw error;
        rejected.push(deadLetterOf(batch, record, error));
      }
    }
    return { rows, rejected };
  }
}

function toRow(deferred: Buffer, index: number): StoredNotification {
  const { appended, sequence, body } = readDeferred(deferred);
  if (!SEQUENCE_FORM.test(sequence)) throw new Failure("reject", `Item ${index} has a sequence of no known form.`);
  checkNotification(body, index);
  const ttl = notificationBody.ttl(body);
  const expires = ttl === 0 ? undefined : appended + ttl * 1_000;
  return { client: notificationBody.key(body), sequence, appended, expires, body };
}
