import { Counter, Gauge, Histogram, type Registry } from "@saasaparilla/shared/metrics.ts";
import type { Slug } from "./problems.ts";

export type ReceiverMetrics = ReturnType<typeof createMetrics>;

/** The receiver's verbs. */
export function createMetrics(
  registry: Registry,
  observed: Record<"queuedBytes" | "requests" | "bodyBytes", () => number> & { kafkaUp: () => boolean },
) {
  const registers = [registry];
  const accepted = new Counter({
    name: "notifications_accepted_total",
    help: "Notifications that Kafka has, and whose publisher was told so.",
    registers,
  });
  const repeated = new Counter({
    name: "notifications_publish_repeated_total",
    help: "Notifications recognised as repeats of accepted ones.",
    registers,
  });
  const rejected = new Counter({
    name: "notifications_rejected_total",
    help: "Notifications not accepted, by problem.",
    labelNames: ["problem"],
    registers,
  });
  const refused = new Counter({
    name: "publish_refused_total",
    help: "Requests refused as a whole, by problem.",
    labelNames: ["problem"],
    registers,
  });
  const busyAt = new Counter({
    name: "publish_busy_total",
    help: "Requests refused because a bound of this receiver was reached.",
    labelNames: ["bound"],
    registers,
  });
  const unguarded = new Counter({
    name: "publish_unguarded_total",
    help: "Requests with an id or Idempotency-Key while Redis was away.",
    registers,
  });
  const late = new Counter({
    name: "notifications_late_total",
    help: "Notifications that Kafka has, and whose publisher was told that the outcome is not known.",
    registers,
  });
  const seconds = new Histogram({
    name: "publish_seconds",
    help: "From a request's last byte until its answer.",
    labelNames: ["status"],
    registers,
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
  });
  const items = new Histogram({
    name: "pack_items",
    help: "Notifications in one pack.",
    registers,
    buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 4096],
  });
  const bytes = new Histogram({
    name: "pack_bytes",
    help: "Bytes of one pack.",
    registers,
    buckets: [256, 1024, 4096, 16384, 65536, 262144, 1048576],
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
  gauge("accepted_queued_bytes", "Bytes not yet sent to Kafka.", observed.queuedBytes);
  gauge("publish_requests", "Requests that are arriving or not yet answered.", observed.requests);
  gauge("publish_body_bytes", "Bytes of their bodies.", observed.bodyBytes);
  gauge("kafka_up", "1 while Kafka accepts.", () => Number(observed.kafkaUp()));

  return {
    accepted: (notifications: number) => accepted.inc(notifications),
    repeated: (notifications: number) => repeated.inc(notifications),
    rejected: (problem: Slug) => rejected.inc({ problem }),
    refused: (problem: Slug) => refused.inc({ problem }),
    busy: (bound: "requests" | "bytes") => busyAt.inc({ bound }),
    unguarded: () => unguarded.inc(),
    late: () => late.inc(),
    answered: (status: number, took: number) => seconds.observe({ status }, took),
    packed(notifications: number, size: number): void {
      items.observe(notifications);
      bytes.observe(size);
    },
  };
}
