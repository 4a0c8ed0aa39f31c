import type { InboxOf } from "@saasaparilla/shared/auth/policies/tenant-inbox.ts";
import { periodMissing } from "@saasaparilla/shared/postgres/period-tables.ts";
import { inBatchSpan } from "@saasaparilla/shared/tracing/spans.ts";
import { classify, Failure, messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import type { CourierMetrics } from "#metrics.ts";
import type { ItemStore } from "./item-store.ts";
import type { InboxItem } from "./items.ts";

export interface ItemWriterParts {
  store: Pick<ItemStore, "insert" | "trim">;
  inboxOf: InboxOf;
  /** Makes missing partitions. */
  makeTables: () => Promise<void>;
  /** For items that ask for an outcome: a mark may have come before them. They can come again. */
  inserted?: ((asking: readonly InboxItem[]) => Promise<void>) | undefined;
  events: Events;
  metrics: Pick<CourierMetrics, "items" | "deleted" | "failed">;
  health: { up(name: "postgres"): void; down(name: "postgres", reason: string): void };
}

/** One of so many items trims the inbox of its client. Which ones is the same in each repeat. */
const TRIMS_OF = 32;

/** Inserts a batch of items. Repeating it changes nothing. */
export function writeItems(items: readonly InboxItem[], parts: ItemWriterParts): Promise<void> {
  return inBatchSpan("insert", items, { "notifications.count": items.length }, () => insertItems(items, parts));
}

async function insertItems(items: readonly InboxItem[], parts: ItemWriterParts): Promise<void> {
  const { store, inboxOf, makeTables, inserted, events, metrics, health } = parts;
  try {
    const result = await store.insert(items);
    const trimmed = new Map(
      items.filter(trims).map(({ client, tenant }) => [client, inboxOf(tenant)?.items ?? Infinity] as const),
    );
    for (const [client, most] of trimmed) if (most === Infinity) trimmed.delete(client);
    const surplus = trimmed.size > 0 ? await store.trim(trimmed) : 0;
    for (const { followed, client, id } of items) if (followed) events.record("listed", client, id, {});
    metrics.items("inserted", result.inserted);
    metrics.items("collapsed", result.collapsed);
    metrics.items("repeated", items.length - result.inserted - result.collapsed);
    metrics.deleted("collapsed", result.deleted);
    metrics.deleted("surplus", surplus);
    health.up("postgres");
  } catch (error) {
    metrics.failed("postgres");
    if (!periodMissing(error)) {
      if (classify(error) === "retry") health.down("postgres", messageOf(error));
      throw error;
    }
    await makeTables();
    throw new Failure("retry", "The week of a notification had no table.", { cause: error });
  }
  // It also waits for Kafka, whose failures the producer counts.
  const asking = items.filter(({ options }) => options.outcomes !== undefined);
  if (asking.length > 0) await inserted?.(asking);
}

const trims = ({ id }: InboxItem): boolean => Number.parseInt(id.slice(0, 2), 16) % TRIMS_OF === 0;
