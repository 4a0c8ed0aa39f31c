import type { StoredDeletions } from "@saasaparilla/shared/postgres/stored-deletions.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import type { Topics } from "@saasaparilla/shared/kafka/topics.ts";
import type { DeadLetters } from "#dead-letters/dead-letters.ts";
import type { LaneLimits } from "#lanes/lane.ts";
import type { PresenceLookup } from "#partitions/presence-lookup.ts";
import type { LaneTimers } from "#partitions/lane-timers.ts";
import type { NotificationWriter } from "#storage/notification-writer.ts";
import type { DirectorMetrics } from "./metrics.ts";

export interface DirectorOptions {
  name: string;
  topics: Topics;
  epoch: number;
  limits: LaneLimits;
  maxLanes: number;
  maxUnsettled: number;
  maxBytes: number;
  weightOf: (tenant: string) => number;
  clock: { monotonic(): number; wall(): number };
  producer: BatchingProducer;
  notificationWriter: NotificationWriter;
  storedDeletions: Pick<StoredDeletions, "add">;
  deadLetters: DeadLetters;
  presenceLookup: PresenceLookup;
  laneTimers: LaneTimers;
  endOffset(topic: string, partition: number): Promise<number>;
  /** By partition: of deferred what the group has committed, and the next offset; of accepted the oldest. */
  progress(): Promise<{ deferred: Map<number, { committed: number; end: number }>; oldest: Map<number, number> }>;
  metrics: DirectorMetrics;
  log: Log;
  fatal: (error: unknown) => void;
}
