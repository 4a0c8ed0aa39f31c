import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import { meters, type Registry } from "@saasaparilla/shared/runtime/metrics.ts";

export type ReceiverMetrics = ReturnType<typeof createMetrics>;

export function createMetrics(registry: Registry) {
  const { counter, histogram, latency, watched } = meters(registry);
  const accepted = counter(
    "notifications_accepted_total",
    "Notifications that Kafka stored and that were answered 202.",
  );
  const publications = counter(
    "publications_accepted_total",
    "Publications for a group, an exchange or a later time that Kafka stored and that were answered 202.",
  );
  const repeated = counter(
    "notifications_publish_repeated_total",
    "Notifications recognised as repeats of accepted ones.",
  );
  const rejected = counter("notifications_rejected_total", "Notifications not accepted, by problem.", "problem");
  const refused = counter("publish_refused_total", "Requests refused as a whole, by problem.", "problem");
  const busyAt = counter(
    "publish_busy_total",
    "Requests answered 503 because this receiver reached a limit, by bound: requests or bytes.",
    "bound",
  );
  const limited = counter(
    "publish_limited_total",
    "Requests answered 429, by limit: of the tenant, its publisher, its stored notifications, or the address.",
    "limit",
  );
  const alone = counter(
    "publish_limited_alone_total",
    "Requests whose rate was counted only in this process because Redis was unavailable.",
  );
  const unguarded = counter(
    "publish_unguarded_total",
    "Requests with an id or Idempotency-Key while Redis was unavailable. Their repeats may be delivered twice.",
  );
  const late = counter(
    "notifications_late_total",
    "Notifications that Kafka stored, but whose publisher was told that the outcome is unknown.",
  );
  const seconds = latency({
    name: "publish_seconds",
    help: "Time from a request's last byte to its response, by status.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
    label: "status",
  });
  const items = histogram(
    "pack_items",
    "Notifications in one pack, which is one record of Kafka.",
    [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 4096],
  );
  const bytes = histogram(
    "pack_bytes",
    "Bytes of one pack, which is one record of Kafka.",
    [256, 1024, 4096, 16384, 65536, 262144, 1048576],
  );
  const watch = watched({
    queuedBytes: { name: "accepted_queued_bytes", help: "Bytes that wait to be sent to Kafka." },
    requests: { name: "publish_requests", help: "Publish requests in progress." },
    bodyBytes: { name: "publish_body_bytes", help: "Bytes of the bodies of publish requests in progress." },
    fullClients: { name: "clients_full", help: "Clients for which nothing more is accepted until they have read." },
    fullTenants: {
      name: "tenants_full",
      help: "Tenants for which nothing more is accepted until their clients have read.",
    },
    kafkaUp: { name: "kafka_up", help: "1 while Kafka accepts writes, else 0." },
  });

  return {
    watch,
    accepted: (notifications: number) => accepted.inc(notifications),
    publications: (count: number) => publications.inc(count),
    repeated: (notifications: number) => repeated.inc(notifications),
    rejected: (problem: ProblemName) => rejected.inc({ problem }),
    refused: (problem: ProblemName) => refused.inc({ problem }),
    busy: (bound: "requests" | "bytes") => busyAt.inc({ bound }),
    limited: (limit: string) => limited.inc({ limit }),
    limitedAlone: () => alone.inc(),
    unguarded: () => unguarded.inc(),
    late: () => late.inc(),
    /** `traceId`: of a sampled trace. */
    answered: (status: number, took: number, traceId?: string) => seconds.took(status, took, traceId),
    packed(notifications: number, size: number): void {
      items.observe(notifications);
      bytes.observe(size);
    },
  };
}
