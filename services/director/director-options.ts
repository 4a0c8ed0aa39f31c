import type { StoredDeletions } from "@saasaparilla/shared/postgres/stored-deletions.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import type { DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { PresenceLookup } from "#partitions/presence-lookup.ts";
import type { LaneEvents } from "#partitions/lane-events.ts";
import type { LaneTimers } from "#partitions/lane-timers.ts";
import type { Clock, PartitionLimits } from "#partitions/partition-options.ts";
import type { NotificationWriter } from "#storage/notification-writer.ts";
import type { Outcomes } from "@saasaparilla/shared/kafka/outcomes.ts";
import type { DirectorMetrics } from "./metrics.ts";

/**
 * By partition. `deferred`: the group's committed offset, and the next offset. `oldest`: the oldest offset of accepted.
 */
export interface Progress {
  deferred: Map<number, { committed: number; end: number }>;
  oldest: Map<number, number>;
}

export interface DirectorKafka {
  producer: BatchingProducer;
  endOffset(topic: string, partition: number): Promise<number>;
  progress(): Promise<Progress>;
}

/** Stores for notifications that are not sent, and the lookup of clients. */
export interface DirectorStores {
  notificationWriter: NotificationWriter;
  storedDeletions: Pick<StoredDeletions, "add">;
  deadLetters: Pick<DeadLetters, "add">;
  outcomes: Pick<Outcomes, "append">;
  presenceLookup: PresenceLookup;
}

export interface DirectorOptions {
  name: string;
  topics: Topics;
  epoch: number;
  limits: PartitionLimits;
  clock: Clock;
  kafka: DirectorKafka;
  stores: DirectorStores;
  laneTimers: LaneTimers;
  laneEvents: LaneEvents;
  metrics: DirectorMetrics;
  log: Log;
  fatal: (error: unknown) => void;
}
