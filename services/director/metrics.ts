import { meters, type Registry } from "@saasaparilla/shared/runtime/metrics.ts";
import type { DeferredReason } from "#partitions/deferred.ts";
import type { Outcome } from "@saasaparilla/shared/protocol/outcome.ts";
import type { Settled } from "#lanes/lane.ts";

export type DirectorMetrics = ReturnType<typeof createMetrics>;

export function createMetrics(registry: Registry) {
  const { counter, counts, latency, tally, watched } = meters(registry);
  const settled: Record<Settled, number> = {
    acknowledged: 0,
    stored: 0,
    expired: 0,
    replaced: 0,
    retracted: 0,
  };
  counts(
    "notifications_settled_total",
    "Settled notifications, by how: acknowledged, stored, expired, replaced or retracted.",
    ["how"],
    () => Object.entries(settled).map(([how, count]) => ({ how, count })),
  );
  const accepted = counter("notifications_read_total", "Notifications read from the topic accepted.");
  const sent = tally("notifications_routed_total", "Notifications sent to the slot of a distributor.");
  const duplicates = counter("notifications_repeated_total", "Notifications dropped as repeats of a recent id.");
  const deferred = counter(
    "notifications_deferred_total",
    "Notifications written to the topic deferred, by reason: Postgres was away, the tenant stored more than its share, or earlier deferred ones are not in Postgres yet.",
    "reason",
  );
  // A series that does not exist has no rate, so the dashboard would be empty until the first one.
  for (const reason of ["away", "share"] satisfies DeferredReason[]) deferred.inc({ reason }, 0);
  const overShare = counter(
    "notifications_over_share_total",
    "Notifications stored because their tenant reached its share of a partition's waiting ones.",
  );
  const swept = counter(
    "notifications_swept_total",
    "Stored notifications that expired before their client connected.",
  );
  const ended: Partial<Record<Outcome, number>> = { acknowledged: 0, expired: 0, replaced: 0, retracted: 0, dead: 0 };
  counts("outcomes_total", "Outcomes appended to queues, by outcome. Repeats count.", ["outcome"], () =>
    Object.entries(ended).map(([outcome, count]) => ({ outcome, count })),
  );
  const deadLetters = counter("dead_letters_total", "Records, and items of records, that can never be processed.");
  const skipped = counter(
    "items_skipped_total",
    "Items of an unknown kind that were skipped, by topic: control. After an upgrade it does not grow.",
    "topic",
  );
  skipped.inc({ topic: "control" }, 0);
  const redriven = counter(
    "dead_letters_redriven_total",
    "Dead letters that an operator has sent to their topic again.",
  );
  const forbidden = counter("requests_forbidden_total", "Requests answered 403.");
  const demotions = counter("lane_demotions_total", "Connections told to replay, by reason.", "reason");
  const holds = counter(
    "lane_holds_total",
    "Holds granted: a connection may stop storing and sending while it checks for missed notifications.",
  );
  const invitations = counter("lane_invitations_total", "Connections invited to prepare for live delivery.");
  const pauses = counter("partition_pauses_total", "Pauses of partitions at their limit of unsettled notifications.");
  const failures = counter(
    "dependency_failures_total",
    "Failed calls, by dependency; each is tried again.",
    "dependency",
  );
  const toSettled = latency({
    name: "settle_seconds",
    help: "Time from the broker's append until a notification is settled, by how. `acknowledged` is the latency of acknowledgements.",
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    label: "how",
  });
  const watch = watched({
    unsettled: {
      name: "notifications_unsettled",
      help: "Notifications that this director is responsible for now: not settled yet.",
    },
    lag: {
      name: "accepted_lag",
      help: "Unsettled records of the topic accepted, in this director's partitions, a few seconds ago.",
    },
    storedHighest: {
      name: "tenant_stored_highest_ratio",
      help: "The fullest tenant's share of its storage limit, by bound. 0 while no tenant has used half.",
      label: "bound",
    },
    lanes: { name: "lanes", help: "Lanes in memory. A lane is the state of one client." },
    parkedLanes: { name: "lanes_parked", help: "Lanes in memory without activity, in their small form." },
    lookUps: {
      name: "look_ups_waiting",
      help: "Lanes that wait for an answer of Redis about their client's connection.",
    },
    partitions: { name: "partitions_owned", help: "Partitions of accepted that this director owns." },
    outcomesUnderWay: {
      name: "outcomes_waiting",
      help: "Outcomes that Kafka does not have yet. Their notifications are not settled.",
    },
    queuedBytes: { name: "routed_queued_bytes", help: "Bytes that wait to be sent to the slots of distributors." },
  });

  return {
    watch,
    /** `traceId`: of a sampled trace. */
    settled(how: Settled, seconds: number, traceId?: string): void {
      settled[how] += 1;
      toSettled.took(how, seconds, traceId);
    },
    deferred: (rows: number, reason: DeferredReason) => deferred.inc({ reason }, rows),
    overShare: (notifications: number) => overShare.inc(notifications),
    read: (notifications: number) => accepted.inc(notifications),
    routed: sent,
    repeated: () => duplicates.inc(),
    outcome(outcome: Outcome): void {
      ended[outcome] = (ended[outcome] ?? 0) + 1;
    },
    swept: (rows: number) => swept.inc(rows),
    deadLettered: () => deadLetters.inc(),
    skipped: (topic: "control") => skipped.inc({ topic }),
    redriven: () => redriven.inc(),
    forbade: () => forbidden.inc(),
    demoted: (reason: string) => demotions.inc({ reason }),
    held: () => holds.inc(),
    invited: () => invitations.inc(),
    paused: () => pauses.inc(),
    failed: (dependency: "kafka" | "postgres" | "redis") => failures.inc({ dependency }),
  };
}
