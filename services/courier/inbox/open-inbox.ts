import type { InboxOf } from "@saasaparilla/shared/auth/policies/tenant-inbox.ts";
import { ConsumerLag, LAG_MS } from "@saasaparilla/shared/kafka/consumer-lag.ts";
import { courierGroup } from "@saasaparilla/shared/kafka/topic-names.ts";
import type { Health } from "@saasaparilla/shared/runtime/health.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import type { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { PeriodTables } from "@saasaparilla/shared/postgres/period-tables.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import type { CourierMetrics } from "#metrics.ts";
import { AcceptedConsumer } from "./accepted-consumer.ts";
import { GroupMembership, type Membership } from "./group-membership.ts";
import { ItemStore } from "./item-store.ts";
import { writeItems, type ItemWriterParts } from "./item-writer.ts";

export interface InboxParts {
  settings: { NAMESPACE: string; GROUP_SESSION_MS: number; PARTITION_MAX_BYTES: number };
  postgres: Postgres;
  kafka: KafkaLink;
  /** accepted */
  topic: string;
  epoch: number;
  /** Undefined until policies are known. */
  tenants: () => Iterable<string> | undefined;
  inboxOf: InboxOf;
  weightOf: (tenant: string) => number;
  events: Events;
  inserted?: ItemWriterParts["inserted"];
  lifecycle: Lifecycle;
  health: Health;
  metrics: CourierMetrics;
  log: Log;
}

const COMMIT_MS = 250;
/** A list may be this much behind. Fetching every 4 ms, as directors do, costs a courier most of its time. */
const FETCH_MS = 50;
const MEMBERSHIP_MS = 500;
const WEEKS_MS = 60_000;
const WEEK_SECONDS = 7 * 86_400;

/** Puts notifications into inboxes while a tenant has one. */
export function openInbox(parts: InboxParts): void {
  const { settings, postgres, kafka, topic, tenants, inboxOf, lifecycle, health, metrics, log } = parts;
  const group = courierGroup(settings.NAMESPACE);
  const store = new ItemStore(postgres, settings.NAMESPACE);
  const weeks = new PeriodTables({
    postgres,
    namespace: settings.NAMESPACE,
    table: "inbox_weeks",
    seconds: WEEK_SECONDS,
    failed: () => metrics.failed("postgres"),
    log,
  });
  const fatal = (error: unknown): void => lifecycle.fatal(error);
  const writer: ItemWriterParts = { ...parts, store, makeTables: () => weeks.make() };
  let consumer: AcceptedConsumer | undefined;
  const lag = new ConsumerLag(() => kafka.progress(group, topic));
  const withInbox = (): number | undefined => {
    const names = tenants();
    return names && Array.from(names).filter((tenant) => inboxOf(tenant) !== undefined).length;
  };
  const wanted = (): boolean | undefined => {
    const count = withInbox();
    if (count === 0) health.up("partitions");
    return count === undefined ? undefined : count > 0;
  };
  metrics.watch({
    tenants: () => withInbox() ?? 0,
    weeks: () => weeks.ahead,
    lag: () => lag.of((partition) => consumer?.owns(partition) === true),
  });

  async function join(): Promise<Membership> {
    const joined = new AcceptedConsumer({
      ...parts,
      maxBytes: settings.PARTITION_MAX_BYTES,
      insert: (items) => writeItems(items, writer),
      neverCommitted: () => kafka.neverCommitted(group, topic),
      started: () => health.up("partitions"),
      wall: () => Date.now(),
      fatal,
    });
    const reader = await kafka.readGroup({
      group,
      topics: [topic],
      sessionTimeoutMs: settings.GROUP_SESSION_MS,
      fetchMs: FETCH_MS,
      onAssigned: (partitions, member) => joined.assigned(partitions, member),
      onBatch: (batch) => Promise.resolve(joined.read(batch)),
      onFatal: fatal,
    });
    joined.use(reader);
    consumer = joined;
    return {
      async leave() {
        await joined.end();
        await reader.stop();
      },
    };
  }

  const membership = new GroupMembership({ wanted, join, log, fatal });
  void weeks.look();
  const timers = [
    setInterval(() => void membership.look(), MEMBERSHIP_MS),
    setInterval(() => void consumer?.commit(), COMMIT_MS),
    setInterval(() => void (consumer && lag.look()), LAG_MS),
    setInterval(() => void weeks.look(), WEEKS_MS),
  ];
  lifecycle.onEnd("inbox", async () => {
    for (const timer of timers) clearInterval(timer);
    await membership.end();
  });
}
