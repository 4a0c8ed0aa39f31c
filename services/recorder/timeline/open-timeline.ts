import { randomUUID } from "node:crypto";
import { ConsumerLag, LAG_MS } from "@saasaparilla/shared/kafka/consumer-lag.ts";
import { recorderGroup, topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import type { Health } from "@saasaparilla/shared/runtime/health.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import type { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { periodMissing, PeriodTables } from "@saasaparilla/shared/postgres/period-tables.ts";
import { classify, Failure, messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { RecorderMetrics } from "#metrics.ts";
import { EventConsumer } from "./event-consumer.ts";
import { RowStore } from "./row-store.ts";
import { DAY_MS, type EventRow, type GapRow } from "./rows.ts";

export interface TimelineParts {
  settings: { NAMESPACE: string; GROUP_SESSION_MS: number; PARTITION_MAX_BYTES: number; TIMELINE_DAYS: number };
  postgres: Postgres;
  kafka: KafkaLink;
  lifecycle: Lifecycle;
  health: Health;
  metrics: RecorderMetrics;
  log: Log;
}

const COMMIT_MS = 250;
/** A timeline may be this much behind. Fetching every 4 ms, as directors do, costs most of the time. */
const FETCH_MS = 50;
const DAYS_MS = 60_000;

/** Reads events into the timeline. */
export async function openTimeline(parts: TimelineParts): Promise<void> {
  const { settings, postgres, kafka, lifecycle, health, metrics, log } = parts;
  const { NAMESPACE, TIMELINE_DAYS: days } = settings;
  const [group, topic] = [recorderGroup(NAMESPACE), topicsOf(NAMESPACE).events];
  const store = new RowStore(postgres, NAMESPACE);
  const tables = new PeriodTables({
    postgres,
    namespace: NAMESPACE,
    table: "timeline_days",
    seconds: DAY_MS / 1_000,
    keep: days,
    failed: () => metrics.failed("postgres"),
    log,
  });
  const fatal = (error: unknown): void => lifecycle.fatal(error);
  const lag = new ConsumerLag(() => kafka.progress(group, topic));

  async function write(events: readonly EventRow[], gaps: readonly GapRow[]): Promise<void> {
    try {
      const inserted = await store.insert(events);
      await store.insertGaps(gaps);
      metrics.rows("inserted", inserted);
      metrics.rows("repeated", events.length - inserted);
      metrics.gaps(gaps.length);
      health.up("postgres");
    } catch (error) {
      metrics.failed("postgres");
      if (!periodMissing(error)) {
        if (classify(error) === "retry") health.down("postgres", messageOf(error));
        throw error;
      }
      await tables.make();
      throw new Failure("retry", "The day of an event had no table.", { cause: error });
    }
  }

  const consumer = new EventConsumer({
    topic,
    maxBytes: settings.PARTITION_MAX_BYTES,
    write,
    last: (partition) => store.last(partition),
    instance: randomUUID(),
    days,
    wall: () => Date.now(),
    metrics,
    log,
    fatal,
  });
  metrics.watch({ days: () => tables.ahead, lag: () => lag.of((partition) => consumer.owns(partition)) });
  const reader = await kafka.readGroup({
    group,
    topics: [topic],
    sessionTimeoutMs: settings.GROUP_SESSION_MS,
    fetchMs: FETCH_MS,
    onAssigned(partitions, member) {
      health.up("partitions");
      consumer.assigned(partitions, member);
    },
    onBatch: (batch) => Promise.resolve(consumer.read(batch)),
    onFatal: fatal,
  });
  consumer.use(reader);
  void tables.look();
  const timers = [
    setInterval(() => void consumer.commit(), COMMIT_MS),
    setInterval(() => void lag.look(), LAG_MS),
    setInterval(() => void tables.look(), DAYS_MS),
  ];
  lifecycle.onEnd("timeline", async () => {
    for (const timer of timers) clearInterval(timer);
    await consumer.end();
    await reader.stop();
  });
}
