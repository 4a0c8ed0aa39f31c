import { tenantOf, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type {
  Claim,
  ClaimedPage,
  ClaimRequest,
  QueuePage,
  QueueStore,
} from "@saasaparilla/shared/postgres/queue-store.ts";
import type { QueueEnds, SpentMessages } from "@saasaparilla/shared/postgres/queue-ends.ts";
import type { DocumentOf } from "@saasaparilla/shared/dispatch/documents.ts";
import type { DispatcherMetrics } from "#metrics.ts";
import type { QueueEvents } from "./queue-events.ts";
import { StatementBatches } from "@saasaparilla/shared/fairness/statement-batches.ts";
import { WaitingReaders } from "./waiting-readers.ts";

/** Limit of messages in one read or claim, and of receipts in one request. */
export const MOST_MESSAGES = 1_000;

const CLAIM_SECONDS = 30;
/** Pages of one statement are in memory together, about 1 MB each. */
const PAGES = { statements: 2, requests: 16, cost: 16 * MOST_MESSAGES } as const;
/** One at a time: two statements that change one queue wait for each other, and each keeps a connection. */
const CHANGES = { statements: 1, requests: 64, cost: 10_000 } as const;
/** Their outcomes wait in memory for Kafka. Messages without outcomes never wait for these. */
const ENDS = { statements: 1, requests: 64, cost: MOST_MESSAGES } as const;

interface ReadRequest {
  queue: ClientKey;
  limit: number;
}

interface Confirmation {
  queue: ClientKey;
  sequences: readonly Sequence[];
}

interface Renewal {
  queue: ClientKey;
  claims: readonly Claim[];
}

export interface QueuesParts {
  store: QueueStore;
  ends: QueueEnds;
  weightOf: (tenant: string) => number;
  /** The document of a queue. Without one it has the defaults. */
  documentOf: (queue: ClientKey) => DocumentOf<"queue"> | undefined;
  timeline: Pick<QueueEvents, "read" | "claimed" | "confirming" | "confirmed" | "quarantined">;
  metrics: Pick<DispatcherMetrics, "messages" | "watch" | "failed">;
}

/** The queues of all tenants, as the consumers of this process use them. */
export class Queues {
  readonly #parts: QueuesParts;
  readonly #reads: StatementBatches<ReadRequest, QueuePage>;
  readonly #claims: StatementBatches<ClaimRequest, ClaimedPage>;
  readonly #confirmations: StatementBatches<Confirmation, Sequence[]>;
  readonly #endings: StatementBatches<Confirmation, Sequence[]>;
  readonly #quarantines: StatementBatches<SpentMessages, number>;
  readonly #renewals: StatementBatches<Renewal, Claim[]>;
  readonly #readers: WaitingReaders;

  constructor(parts: QueuesParts) {
    this.#parts = parts;
    const { store, ends, weightOf, metrics } = parts;
    const common = { weightOf, tenantOf: ({ queue }: { queue: ClientKey }) => tenantOf(queue) };
    this.#reads = new StatementBatches<ReadRequest, QueuePage>({
      ...common,
      ...PAGES,
      costOf: ({ limit }) => limit,
      run: (asked) => store.read(asked),
    });
    this.#claims = new StatementBatches<ClaimRequest, ClaimedPage>({
      ...common,
      ...CHANGES,
      requests: PAGES.requests,
      costOf: ({ limit }) => limit,
      run: (asked) => store.claim(asked),
    });
    const confirmation = {
      ...common,
      costOf: ({ sequences }: Confirmation) => sequences.length,
      runBy: (by: Pick<QueueStore, "confirm">) => async (asked: Confirmation[]) => {
        const left = await by.confirm(merged(asked, ({ sequences }) => sequences));
        return asked.map(({ queue, sequences }) => sequences.filter(within(left.get(queue))));
      },
    };
    this.#confirmations = new StatementBatches({ ...confirmation, ...CHANGES, run: confirmation.runBy(store) });
    this.#endings = new StatementBatches({ ...confirmation, ...ENDS, run: confirmation.runBy(ends) });
    this.#quarantines = new StatementBatches<SpentMessages, number>({
      ...common,
      ...ENDS,
      requests: 1,
      costOf: ({ sequences }) => sequences.length,
      run: async (asked) => [await ends.quarantine(asked[0]!)],
    });
    this.#renewals = new StatementBatches<Renewal, Claim[]>({
      ...common,
      ...CHANGES,
      costOf: ({ claims }) => claims.length,
      async run(asked) {
        const ended = await store.renew(merged(asked, ({ claims }) => claims));
        return asked.map(({ queue, claims }) => claims.filter(within(ended.get(queue))));
      },
    });
    this.#readers = new WaitingReaders((queues) => store.nonEmpty(queues));
    metrics.watch({
      queueReaders: () => this.#readers.size,
      queueRequests: () =>
        this.#reads.waiting +
        this.#claims.waiting +
        this.#confirmations.waiting +
        this.#endings.waiting +
        this.#quarantines.waiting +
        this.#renewals.waiting,
    });
  }

  /** The oldest unconfirmed messages. Waits up to `waitMs` for the first one. */
  async read(queue: ClientKey, limit: number, waitMs: number, gone: AbortSignal): Promise<QueuePage> {
    let page = await this.#reads.ask({ queue, limit });
    if (page.messages.length === 0 && waitMs > 0) {
      await this.#readers.wait(queue, waitMs, gone);
      if (!gone.aborted) page = await this.#reads.ask({ queue, limit });
    }
    this.#parts.metrics.messages("read", page.messages.length);
    this.#parts.timeline.read(queue, page.messages);
    return page;
  }

  /** The length of a claim for which no other was asked. */
  claimSeconds(queue: ClientKey): number {
    return this.#parts.documentOf(queue)?.claimSeconds ?? CLAIM_SECONDS;
  }

  async claim(queue: ClientKey, limit: number, seconds: number): Promise<ClaimedPage> {
    const { documentOf, timeline, metrics } = this.#parts;
    const maxAttempts = documentOf(queue)?.maxAttempts;
    const page = await this.#claims.ask({ queue, limit, seconds, maxAttempts });
    metrics.messages("claimed", page.messages.length);
    timeline.claimed(queue, page.messages);
    metrics.messages("quarantined", page.quarantined);
    void timeline.quarantined(queue, page.quarantined);
    if (page.asking.length > 0) {
      const quarantined = this.#quarantine({ queue, maxAttempts: maxAttempts!, sequences: page.asking });
      // Without Kafka it fails late, and a claim with messages would end meanwhile. The next claim finds them again.
      if (page.messages.length === 0) await quarantined;
      else quarantined.catch(() => metrics.failed("kafka"));
    }
    return page;
  }

  async #quarantine(spent: SpentMessages): Promise<void> {
    const quarantined = await this.#quarantines.ask(spent);
    this.#parts.metrics.messages("quarantined", quarantined);
    await this.#parts.timeline.quarantined(spent.queue, quarantined);
  }

  /** Returns the messages that are unknown. */
  async confirm(queue: ClientKey, sequences: readonly Sequence[]): Promise<Sequence[]> {
    if (sequences.length === 0) return [];
    const { timeline } = this.#parts;
    const followed = await timeline.confirming(queue, sequences);
    const left = await this.#confirmations.ask({ queue, sequences });
    const unknown = left.length === 0 ? left : await this.#endings.ask({ queue, sequences: left });
    timeline.confirmed(queue, followed, unknown);
    this.#parts.metrics.messages("confirmed", sequences.length - unknown.length);
    return unknown;
  }

  /** Returns the claims that had ended. */
  async renew(queue: ClientKey, claims: readonly Claim[], action: "released" | "extended"): Promise<Claim[]> {
    if (claims.length === 0) return [];
    const ended = await this.#renewals.ask({ queue, claims });
    this.#parts.metrics.messages(action, claims.length - ended.length);
    return ended;
  }

  /** The sequences of messages that a read gave, by id. A given message is always among the oldest unconfirmed ones. */
  find(queue: ClientKey, ids: readonly string[]): Promise<Map<string, Sequence>> {
    return this.#parts.store.find(queue, ids, MOST_MESSAGES);
  }

  /** Answers waiting readers, at the end of the process. */
  end(): void {
    this.#readers.end();
  }
}

function merged<A extends { queue: ClientKey }, T>(asked: readonly A[], itemsOf: (one: A) => readonly T[]) {
  const all = new Map<ClientKey, T[]>();
  for (const one of asked) {
    const items = all.get(one.queue);
    if (items) items.push(...itemsOf(one));
    else all.set(one.queue, [...itemsOf(one)]);
  }
  return all;
}

function within<T>(items: readonly T[] | undefined): (item: T) => boolean {
  const known = new Set(items);
  return (item) => known.has(item);
}
