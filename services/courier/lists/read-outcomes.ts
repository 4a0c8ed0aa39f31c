import type { InboxOf } from "@saasaparilla/shared/auth/policies/tenant-inbox.ts";
import type { Outcomes } from "@saasaparilla/shared/kafka/outcomes.ts";
import { tenantOf, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { withTimeout } from "@saasaparilla/shared/runtime/timeout.ts";
import type { InboxItem } from "#inbox/items.ts";
import type { CourierMetrics } from "#metrics.ts";
import type { AskingItem, ListStore } from "./list-store.ts";

/** A request waits so long for Kafka. Its repeat waits for the same outcomes. */
const APPEND_MS = 5_000;

export interface ReadOutcomesParts {
  outcomes: Pick<Outcomes, "append">;
  lists: Pick<ListStore, "read" | "answered">;
  inboxOf: InboxOf;
  metrics: Pick<CourierMetrics, "failed">;
}

/**
 * The outcome `read`: at least once for each item that is read, with one id. A mark and its item may come in either
 * order, so both sides look for the other one after their commit.
 */
export class ReadOutcomes {
  readonly #parts: ReadOutcomesParts;

  constructor(parts: ReadOutcomesParts) {
    this.#parts = parts;
  }

  /** Resolves when Kafka has all of them. */
  async append(client: ClientKey, items: readonly AskingItem[]): Promise<void> {
    const { outcomes, metrics } = this.#parts;
    const appended = Promise.all(
      items.map(({ id, outcomes: queue }) => outcomes.append({ key: client, id, outcomes: queue, outcome: "read" })),
    );
    if ((await withTimeout(APPEND_MS, appended)) !== undefined) return;
    metrics.failed("kafka");
    throw new Failure("retry", "Kafka did not take the outcomes in time.");
  }

  /** Items that were just inserted: a mark may have come before them. */
  async inserted(items: readonly InboxItem[]): Promise<void> {
    const { lists, inboxOf } = this.#parts;
    const idsOf = Map.groupBy(items, ({ client }) => client);
    for (const [client, own] of idsOf) {
      const inbox = inboxOf(tenantOf(client));
      if (!inbox) continue;
      const ids = own.map(({ id }) => id);
      const asking = await lists.read({ client, items: inbox.items, days: inbox.days }, ids);
      await this.append(client, asking);
      await lists.answered(client, asking);
    }
  }
}
