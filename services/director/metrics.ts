import { Counter, Gauge, Histogram, type Registry } from "@saasaparilla/shared/metrics.ts";
import type { Settled } from "./lane.ts";

export type DirectorMetrics = ReturnType<typeof createMetrics>;

/** The director's verbs. */
export function createMetrics(
  registry: Registry,
  observed: {
    unsettled: () => number;
    lanes: () => number;
    lookUps: () => number;
    partitions: () => number;
    queuedBytes: () => number;
  },
) {
  const registers = [registry];
  const settled = new Counter({
    name: "notifications_settled_total",
    help: "Notifications settled, by how.",
    labelNames: ["how"],
    registers,
  });
  const accepted = new Counter({
    name: "notifications_read_total",
    help: "Notifications read from accepted.",
    registers,
  });
  const sent = new Counter({ name: "notifications_routed_total", help: "Notifications sent to a slot.", registers });
  const duplicates = new Counter({
    name: "notifications_repeated_total",
    help: "Notifications dropped because their id had just been seen.",
    registers,
  });
  const deferred = new Counter({
    name: "notifications_deferred_total",
    help: "Notifications that went to deferred, because Postgres was away or what was deferred before is not in it yet.",
    registers,
  });
  const swept = new Counter({
    name: "notifications_swept_total",
    help: "Stored notifications that expired before their client came.",
    registers,
  });
  const deadLetters = new Counter({
    name: "dead_letters_total",
    help: "Records that can never be processed.",
    registers,
  });
  const demotions = new Counter({
    name: "lane_demotions_total",
    help: "Connections told to replay, by reason.",
    labelNames: ["reason"],
    registers,
  });
  const holds = new Counter({ name: "lane_holds_total", help: "Holds granted.", registers });
  const invitations = new Counter({
    name: "lane_invitations_total",
    help: "Connections invited to prepare.",
    registers,
  });
  const pauses = new Counter({
    name: "partition_pauses_total",
    help: "Times that a partition paused at its bound of unsettled notifications.",
    registers,
  });
  const failures = new Counter({
    name: "dependency_failures_total",
    help: "Failed calls, by dependency; each is tried again.",
    labelNames: ["dependency"],
    registers,
  });
  const toSettled = new Histogram({
    name: "settle_seconds",
    help: "From the broker's append time until settled, by how.",
    labelNames: ["how"],
    registers,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  });
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  gauge("notifications_unsettled", "Notifications that this director answers for.", observed.unsettled);
  gauge("lanes", "Lanes in memory.", observed.lanes);
  gauge("look_ups_waiting", "Lanes that wait for Redis.", observed.lookUps);
  gauge("partitions_owned", "Partitions of accepted that this director owns.", observed.partitions);
  gauge("routed_queued_bytes", "Bytes not yet sent to slots.", observed.queuedBytes);

  return {
    settled(how: Settled, seconds: number): void {
      settled.inc({ how });
      toSettled.observe({ how }, seconds);
    },
    deferred: (rows: number) => deferred.inc(rows),
    read: (notifications: number) => accepted.inc(notifications),
    routed: () => sent.inc(),
    repeated: () => duplicates.inc(),
    swept: (rows: number) => swept.inc(rows),
    deadLettered: () => deadLetters.inc(),
    demoted: (reason: string) => demotions.inc({ reason }),
    held: () => holds.inc(),
    invited: () => invitations.inc(),
    paused: () => pauses.inc(),
    failed: (dependency: "kafka" | "postgres" | "redis") => failures.inc({ dependency }),
  };
}
