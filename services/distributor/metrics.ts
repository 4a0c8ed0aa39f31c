import { meters, type Registry } from "@saasaparilla/shared/runtime/metrics.ts";
import type { RefusalReason } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { Bound } from "#admission/admission-control.ts";

export type DistributorMetrics = ReturnType<typeof createMetrics>;
/** From a director, or from Postgres. */
export type Source = "live" | "stored";
export type Transport = "websocket" | "sse" | "poll";

export function createMetrics(registry: Registry) {
  const { counter, counts, histogram, latency, tally, watched } = meters(registry);
  const delivered: Record<Transport, Record<Source, number>> = {
    websocket: { live: 0, stored: 0 },
    sse: { live: 0, stored: 0 },
    poll: { live: 0, stored: 0 },
  };
  counts(
    "notifications_delivered_total",
    "Notifications written to outboxes, by transport and source.",
    ["transport", "source"],
    () =>
      Object.entries(delivered).flatMap(([transport, sources]) =>
        Object.entries(sources).map(([source, count]) => ({ transport, source, count })),
      ),
  );
  const toDelivered = latency({
    name: "delivery_seconds",
    help: "Time from the broker's append until a live notification is written to its client's outbox, by transport.",
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    label: "transport",
  });
  const acknowledged = tally("acknowledgements_total", "Acknowledgements passed on to directors.");
  const refusals = counter("session_refusals_total", "Returns of live sessions to replaying, by reason.", "reason");
  const opened = counter("connections_opened_total", "Admitted connections, by transport.", "transport");
  const turnedAway = counter(
    "connections_refused_total",
    "Refused connections, by limit: answered 503, or 429 for a limit of the tenant or the client.",
    "reason",
  );
  const overShare = counter(
    "connections_over_share_total",
    "Refused connections whose tenant had reached its share of the limit.",
    "reason",
  );
  const unread = tally(
    "polls_unread_total",
    "Polls answered 503 because stored notifications could not be read in time.",
  );
  const limited = counter(
    "requests_limited_total",
    "Requests answered 429, by bound: client, tenant or address.",
    "bound",
  );
  const closed = counter("connections_closed_total", "Connections closed by the server, by reason.", "reason");
  const pingsIgnored = tally("pings_ignored_total", "Pings from clients above the rate that is answered.");
  const forbidden = counter("requests_forbidden_total", "Requests answered 403.");
  const expired = counter(
    "notifications_expired_total",
    "Notifications that expired before the last step, by source. The sweep counts stored ones too. A director counts live ones too, if no later one is acknowledged.",
    "source",
  );
  const fenced = counter(
    "routed_fenced_total",
    "Routed messages of another incarnation or an older generation. They are dropped.",
  );
  const skipped = counter(
    "items_skipped_total",
    "Items of routed that were skipped, by topic: of an unknown kind, or malformed. A record that is no pack counts once.",
    "topic",
  );
  skipped.inc({ topic: "routed" }, 0);
  const inboxFrames = counter(
    "inbox_frames_total",
    "Frames about inboxes, by result: sent, slow (dropped, because the client reads too slowly) or unknown (dropped, because its connection is closed).",
    "result",
  );
  for (const result of ["sent", "slow", "unknown"]) inboxFrames.inc({ result }, 0);
  const failures = counter(
    "dependency_failures_total",
    "Failed calls, by dependency; each is tried again.",
    "dependency",
  );
  const pages = histogram(
    "replay_query_pages",
    "Pages per statement to Postgres. Each page is for one session.",
    [1, 2, 4, 8, 16, 32, 64, 128],
  );
  const pageSeconds = histogram(
    "replay_query_seconds",
    "Time of one statement to Postgres for replays.",
    [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
  );
  const late = counter("replay_reads_late_total", "Reads that waited too long for a statement, and are repeated.");
  const netted = counter("safety_net_found_total", "Clients for whom the reconciler found stored notifications.");
  const watch = watched({
    sessions: { name: "connections", help: "Open connections, by transport.", label: "transport" },
    states: { name: "sessions", help: "Sessions, by state: REPLAYING, PREPARING, CHECKING or LIVE.", label: "state" },
    mostConnections: { name: "connections_limit", help: "The most connections that this distributor takes." },
    tokens: { name: "connect_tokens", help: "New connections that can be admitted at once." },
    handovers: { name: "handovers", help: "Admitted connections that are not live yet." },
    controlBytes: { name: "control_queued_bytes", help: "Bytes that wait to be sent to directors." },
    readsWaiting: {
      name: "replay_reads_waiting",
      help: "Reads of stored notifications that wait for a statement to Postgres.",
    },
    outboxBytes: { name: "outbox_bytes", help: "Bytes in the outboxes of clients that read slowly." },
  });

  return {
    watch,
    /** `traceId`: of a sampled trace. A stored one waited for its client, so its time says nothing of this platform. */
    delivered(transport: Transport, source: Source, seconds: number, traceId?: string): void {
      delivered[transport][source] += 1;
      if (source === "live") toDelivered.took(transport, seconds, traceId);
    },
    acknowledged,
    refused: (reason: RefusalReason) => refusals.inc({ reason }),
    opened: (transport: Transport) => opened.inc({ transport }),
    unread,
    turnedAway: (reason: Bound | "ending" | "tenant" | "client") => turnedAway.inc({ reason }),
    overShare: (bound: Bound) => overShare.inc({ reason: bound }),
    limited: (bound: "client" | "tenant" | "address") => limited.inc({ bound }),
    closed: (reason: string) => closed.inc({ reason }),
    pingIgnored: pingsIgnored,
    forbade: () => forbidden.inc(),
    expired: (source: Source) => expired.inc({ source }),
    skipped: (topic: "routed") => skipped.inc({ topic }),
    fenced: () => fenced.inc(),
    inboxFrame: (result: "sent" | "slow" | "unknown") => inboxFrames.inc({ result }),
    failed: (dependency: "kafka" | "postgres" | "redis") => failures.inc({ dependency }),
    readPages: (count: number, seconds: number) => {
      pages.observe(count);
      pageSeconds.observe(seconds);
    },
    readsLate: (count: number) => late.inc(count),
    netted: (clients: number) => netted.inc(clients),
  };
}
