import type { ClientKey, Sequence } from "#protocol/notification.ts";
import type { EndedNotification, Outcome } from "#protocol/outcome.ts";
import { notificationBody } from "#protocol/pack.ts";
import type { Postgres } from "./client.ts";
import { endingTransaction, type AppendOutcomes } from "./ending-transaction.ts";
import { confirmQuery, countsOf, inLockOrder, placesOf, rest } from "./queue-batch.ts";

interface EndedRow {
  key: ClientKey;
  id: Buffer;
  /** The queue that gets the outcome. */
  name: string;
}

export interface SpentMessages {
  queue: ClientKey;
  /** The attempts after which a message goes to quarantine. */
  maxAttempts: number;
  sequences: readonly Sequence[];
}

/**
 * The end of those messages of queues that ask for an outcome: delete, append the outcomes, commit. All others take the
 * single statements of QueueStore.
 */
export class QueueEnds {
  readonly #postgres: Postgres;
  readonly #schema: string;
  readonly #append: AppendOutcomes;

  constructor(postgres: Postgres, namespace: string, append: AppendOutcomes) {
    this.#postgres = postgres;
    this.#schema = `"${namespace}"`;
    this.#append = append;
  }

  /** Confirms what QueueStore left. Returns for each queue the messages that are unknown. */
  async confirm(unordered: ReadonlyMap<ClientKey, readonly Sequence[]>): Promise<Map<ClientKey, Sequence[]>> {
    const asked = inLockOrder(unordered);
    let unknown: ReadonlySet<number> = new Set();
    await endingTransaction(this.#postgres, this.#append, async (session) => {
      const { rows: ended } = await session.query<EndedRow>({
        name: "queue-confirm-ends",
        text: `select key, id, name from ${this.#schema}.queue_confirm_ends($1::text[], $2::int[], $3::text[])`,
        values: [...countsOf(asked), [...asked.values()].flat()],
      });
      const left = await session.query<{ place: number }>(confirmQuery(this.#schema, asked));
      unknown = placesOf(left.rows);
      return ended.map((row) => endedBy(row, "acknowledged"));
    });
    return rest(asked, (place) => unknown.has(place));
  }

  /** Moves messages to quarantine, and returns their number. */
  async quarantine({ queue, maxAttempts, sequences }: SpentMessages): Promise<number> {
    let quarantined = 0;
    await endingTransaction(this.#postgres, this.#append, async (session) => {
      const { rows } = await session.query<EndedRow>({
        name: "queue-quarantine-ends",
        text: `select key, id, name from ${this.#schema}.queue_quarantine_ends($1, $2::int, $3::text[])`,
        values: [queue, maxAttempts, sequences],
      });
      quarantined = rows.length;
      return rows.map((row) => endedBy(row, "dead"));
    });
    return quarantined;
  }
}

function endedBy({ key, id, name }: EndedRow, outcome: Outcome): EndedNotification {
  return { key, id: notificationBody.id(id), outcomes: name, outcome };
}
