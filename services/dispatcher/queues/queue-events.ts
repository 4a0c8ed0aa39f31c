import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Quarantine } from "@saasaparilla/shared/postgres/quarantine.ts";
import type { QueueMessage, QueueStore } from "@saasaparilla/shared/postgres/queue-store.ts";
import { queueOf, tenantOf, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";

export interface QueueEventsParts {
  store: Pick<QueueStore, "followed">;
  quarantine: Pick<Quarantine, "newest">;
  events: Events;
  log: Pick<Log, "warn">;
}

/** Queues whose followed messages this process has given to consumers. */
const MOST_QUEUES = 10_000;

/** Records what consumers do with followed messages, and which ones go to quarantine. */
export class QueueEvents {
  readonly #parts: QueueEventsParts;
  readonly #queues = new Set<ClientKey>();

  constructor(parts: QueueEventsParts) {
    this.#parts = parts;
  }

  read(queue: ClientKey, messages: readonly QueueMessage[]): void {
    if (messages.some(({ body }) => notificationBody.followed(body))) this.#remember(queue);
  }

  claimed(queue: ClientKey, messages: readonly QueueMessage[]): void {
    for (const { body, attempts } of messages) {
      if (!notificationBody.followed(body)) continue;
      this.#remember(queue);
      this.#parts.events.record("claimed", queue, notificationBody.id(body), { attempt: attempts });
    }
  }

  /**
   * The ids of the followed ones among these, which the caller confirms next. Only queues whose followed messages were
   * read or claimed here are asked: Postgres is not, for all others.
   */
  async confirming(queue: ClientKey, sequences: readonly Sequence[]): Promise<ReadonlyMap<Sequence, string>> {
    return this.#queues.has(queue) ? this.#parts.store.followed(queue, sequences) : NONE;
  }

  confirmed(queue: ClientKey, followed: ReadonlyMap<Sequence, string>, unknown: readonly Sequence[]): void {
    if (followed.size === 0) return;
    const missing = new Set(unknown);
    for (const [sequence, id] of followed)
      if (!missing.has(sequence)) this.#parts.events.record("confirmed", queue, id, {});
  }

  /** Always recorded. Nothing waits for it. */
  async quarantined(queue: ClientKey, count: number): Promise<void> {
    if (count === 0) return;
    const { quarantine, events, log } = this.#parts;
    const [tenant, name] = [tenantOf(queue), queueOf(queue)];
    try {
      for (const { id, reason } of await quarantine.newest(tenant, `queue/${name}`, count))
        events.record("quarantined", queue, id, { queue: name, why: reason });
    } catch (error) {
      log.warn({ err: error, queue }, `quarantined messages are not in the timeline: ${messageOf(error)}`);
    }
  }

  #remember(queue: ClientKey): void {
    if (this.#queues.size >= MOST_QUEUES && !this.#queues.has(queue))
      this.#queues.delete(this.#queues.values().next().value!);
    this.#queues.add(queue);
  }
}

const NONE: ReadonlyMap<Sequence, string> = new Map();
