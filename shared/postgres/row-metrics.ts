import { meters, type Registry } from "#runtime/metrics.ts";

/** The state that the gauges show. */
export interface RowState {
  age: () => number;
  version: () => number;
  unknown: () => number;
}

/** The metrics of each table of rows. The result counts a failed read. */
export const ROW_METRICS = {
  access(registry: Registry, { age, version, unknown }: RowState): () => void {
    const { gauge, tally } = meters(registry);
    gauge("access_age_seconds", "Time since the policies were last read. -1 before the first time.", age);
    gauge("access_version", "The version of the policies in this process.", version);
    gauge(
      "access_rows_unknown",
      "Policy rows that this process does not understand. Such a grant or key gives no rights. Any other such row closes its tenant.",
      unknown,
    );
    return tally("access_failures_total", "Failed reads of the policies.");
  },
  documents(registry: Registry, { age, version, unknown }: RowState): () => void {
    const { gauge, tally } = meters(registry);
    gauge("documents_age_seconds", "Time since the documents were last read. -1 before the first time.", age);
    gauge("documents_version", "The version of the documents in this process.", version);
    gauge("documents_rows_unknown", "Documents of a later version, which this process does not understand.", unknown);
    return tally("documents_failures_total", "Failed reads of the documents.");
  },
} as const;
