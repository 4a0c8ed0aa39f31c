import type { Outcome } from "@saasaparilla/shared/protocol/outcome.ts";
import { MARKS, type Mark } from "@saasaparilla/shared/protocol/inbox.ts";
import { meters, type Registry } from "@saasaparilla/shared/runtime/metrics.ts";

export type CourierMetrics = ReturnType<typeof createMetrics>;

/**
 * `unlisted`: its tenant has no inbox for its event. `repeated`: it was there. `collapsed`: a later one has its place.
 * `expired`: no inbox would show it. `bad`: it cannot be read.
 */
export type ItemResult = "inserted" | "unlisted" | "repeated" | "collapsed" | "expired" | "bad";

const RESULTS: ItemResult[] = ["inserted", "unlisted", "repeated", "collapsed", "expired", "bad"];

export function createMetrics(registry: Registry) {
  const { counter, counts, watched } = meters(registry);
  const items = Object.fromEntries(RESULTS.map((result) => [result, 0])) as Record<ItemResult, number>;
  counts(
    "inbox_notifications_total",
    "Notifications read from the topic accepted, by result: inserted, unlisted (no inbox takes them), repeated (the row exists), collapsed (a later one replaces them), expired (no inbox would show them) or bad (unreadable).",
    ["result"],
    () => Object.entries(items).map(([result, count]) => ({ result, count })),
  );
  const deleted = counter(
    "inbox_deleted_total",
    "Rows deleted from inboxes, by reason: collapsed or surplus.",
    "reason",
  );
  const read = counter("inbox_read_total", "Records read from the topic accepted.");
  const retries = counter("inbox_retries_total", "Retries of inserts into inboxes after a failure.");
  const pauses = counter("partition_pauses_total", "Pauses of partitions at their limit of waiting bytes.");
  const failures = counter(
    "dependency_failures_total",
    "Failed calls, by dependency; each is tried again.",
    "dependency",
  );
  // A series that does not exist has no rate, so a dashboard would be empty until the first event.
  for (const reason of ["collapsed", "surplus"]) deleted.inc({ reason }, 0);
  const marked = counter("inbox_marks_total", "Requests that marked items, by mark: seen, read or archived.", "mark");
  for (const mark of MARKS) marked.inc({ mark }, 0);
  const marksDropped = counter(
    "inbox_marks_dropped_total",
    "Marks without an item that were deleted, because their client had too many marks.",
  );
  const outcomes = counter(
    "outcomes_total",
    "Outcomes appended to queues, by outcome: read. Repeats count.",
    "outcome",
  );
  outcomes.inc({ outcome: "read" }, 0);
  const limited = counter("requests_limited_total", "Requests answered 429, by bound: client.", "bound");
  limited.inc({ bound: "client" }, 0);
  const frames = counter("inbox_frames_total", "Frames about inboxes sent to distributors.");
  const framesDropped = counter(
    "inbox_frames_dropped_total",
    "Frames about inboxes that were dropped, because too many waited for Kafka.",
  );
  const watch = watched({
    outcomesUnderWay: {
      name: "outcomes_waiting",
      help: "Outcomes that Kafka does not have yet. Their marks wait for it.",
    },
    requestsWaiting: { name: "inbox_requests_waiting", help: "Requests that wait for a statement of Postgres." },
    lag: {
      name: "inbox_lag",
      help: "Records of the topic accepted that are not in inboxes yet, in this courier's partitions, a few seconds ago.",
    },
    partitions: { name: "partitions_owned", help: "Partitions of accepted that this courier owns." },
    waitingBytes: { name: "inbox_waiting_bytes", help: "Bytes of records of the topic accepted that wait in memory." },
    tenants: { name: "inbox_tenants", help: "Tenants that have an inbox. 0: no courier reads the topic accepted." },
    weeks: {
      name: "inbox_weeks_ahead",
      help: "Coming weeks that have tables for inboxes. Normally 2, and 0 until it is read. Without one for the present week, inserts are repeated until it exists.",
    },
  });
  return {
    watch,
    items(result: ItemResult, count = 1): void {
      items[result] += count;
    },
    deleted: (reason: "collapsed" | "surplus", count: number) => deleted.inc({ reason }, count),
    read: (records: number) => read.inc(records),
    retried: () => retries.inc(),
    paused: () => pauses.inc(),
    marked: (mark: Mark) => marked.inc({ mark }),
    marksDropped: (count: number) => marksDropped.inc(count),
    outcome: (outcome: Outcome) => outcomes.inc({ outcome }),
    limited: () => limited.inc({ bound: "client" }),
    framesDropped: () => framesDropped.inc(),
    frames: (count: number) => frames.inc(count),
    failed: (dependency: "kafka" | "postgres" | "redis") => failures.inc({ dependency }),
  };
}
