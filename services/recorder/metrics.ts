import { meters, type Registry } from "@saasaparilla/shared/runtime/metrics.ts";

export type RecorderMetrics = ReturnType<typeof createMetrics>;

/** `repeated`: it was there. `expired`: its day is not kept any more. `bad`: it cannot be read. */
export type RowResult = "inserted" | "repeated" | "expired" | "bad";

const RESULTS: RowResult[] = ["inserted", "repeated", "expired", "bad"];

export function createMetrics(registry: Registry) {
  const { counter, counts, watched } = meters(registry);
  const rows = Object.fromEntries(RESULTS.map((result) => [result, 0])) as Record<RowResult, number>;
  counts("timeline_rows_total", "Events read from the topic events, by what became of them.", ["result"], () =>
    Object.entries(rows).map(([result, count]) => ({ result, count })),
  );
  const read = counter("timeline_read_total", "Records read from the topic events.");
  const gaps = counter("timeline_gaps_total", "Gaps that were written to the timeline: events are missing there.");
  const retries = counter("timeline_retries_total", "Retries of inserts into the timeline after a failure.");
  const pauses = counter("partition_pauses_total", "Pauses of partitions at their limit of waiting bytes.");
  const failures = counter(
    "dependency_failures_total",
    "Failed calls, by dependency; each is tried again.",
    "dependency",
  );
  // A series that does not exist has no rate, so a dashboard would be empty until the first event.
  gaps.inc(0);
  const watch = watched({
    lag: {
      name: "timeline_lag",
      help: "Records of the topic events that are not in the timeline yet, in this recorder's partitions, a few seconds ago.",
    },
    partitions: { name: "partitions_owned", help: "Partitions of events that this recorder owns." },
    waitingBytes: { name: "timeline_waiting_bytes", help: "Bytes of records of the topic events that wait in memory." },
    days: {
      name: "timeline_days_ahead",
      help: "Coming days that have tables for the timeline. Without one for the present day, inserts are repeated until it exists.",
    },
  });
  return {
    watch,
    rows(result: RowResult, count = 1): void {
      rows[result] += count;
    },
    gaps: (count: number) => gaps.inc(count),
    read: (records: number) => read.inc(records),
    retried: () => retries.inc(),
    paused: () => pauses.inc(),
    failed: (dependency: "kafka" | "postgres") => failures.inc({ dependency }),
  };
}
