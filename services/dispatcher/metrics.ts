import type { Outcome } from "@saasaparilla/shared/protocol/outcome.ts";
import { meters, type Registry } from "@saasaparilla/shared/runtime/metrics.ts";

export type DispatcherMetrics = ReturnType<typeof createMetrics>;

export type PublicationState = "waiting" | "running" | "done" | "cancelled" | "skipped";
export type QueueAction = "read" | "claimed" | "confirmed" | "released" | "extended" | "quarantined" | "swept";

const STATES: PublicationState[] = ["waiting", "running", "done", "cancelled", "skipped"];
const ACTIONS: QueueAction[] = ["read", "claimed", "confirmed", "released", "extended", "quarantined", "swept"];

export function createMetrics(registry: Registry) {
  const { counter, counts, watched } = meters(registry);
  const publications = counter(
    "publications_total",
    "Publications that reached a state, by state: waiting, running, done, cancelled or skipped.",
    "state",
  );
  const messages = counter(
    "queue_messages_total",
    "Messages of queues, by action: read, claimed, confirmed, released, extended, quarantined or swept.",
    "action",
  );
  const notifications = counter(
    "fanout_notifications_total",
    "Notifications of publications to groups and exchanges, by result: written, or refused because the recipient's inbox was full.",
    "result",
  );
  const occurrences = counter(
    "schedule_occurrences_total",
    "Occurrences of schedules, by result: fired, or skipped because they were missed.",
    "result",
  );
  // The others are of directors.
  const ended: Partial<Record<Outcome, number>> = { acknowledged: 0, dead: 0 };
  counts(
    "outcomes_total",
    "Outcomes of messages of queues, by outcome: acknowledged or dead. Repeats count.",
    ["outcome"],
    () => Object.entries(ended).map(([outcome, count]) => ({ outcome, count })),
  );
  const read = counter("dispatch_read_total", "Records read from the topic dispatch.");
  const retries = counter("dispatch_retries_total", "Retries of records of the topic dispatch after a failure.");
  const deadLetters = counter("dead_letters_total", "Records that can never be processed.");
  const pauses = counter("partition_pauses_total", "Pauses of partitions at their limit of waiting bytes.");
  const failures = counter(
    "dependency_failures_total",
    "Failed calls, by dependency; each is tried again.",
    "dependency",
  );
  const full = counter(
    "fanout_full_total",
    "Looks for running publications that were left out, because as many are in memory as fit.",
  );
  // A series that does not exist has no rate, so a dashboard would be empty until the first event.
  for (const state of STATES) publications.inc({ state }, 0);
  for (const result of ["written", "refused"]) notifications.inc({ result }, 0);
  for (const result of ["fired", "skipped"]) occurrences.inc({ result }, 0);
  for (const action of ACTIONS) messages.inc({ action }, 0);
  const watch = watched({
    lag: {
      name: "dispatch_lag",
      help: "Unsettled records of the topic dispatch, in this dispatcher's partitions, a few seconds ago.",
    },
    remaining: {
      name: "fanout_remaining",
      help: "Members that running publications of this dispatcher have yet to reach.",
    },
    slices: {
      name: "fanout_slices",
      help: "Parts of running publications in the memory of this dispatcher, up to 4,096 and 128 MiB of payloads.",
    },
    dueLag: {
      name: "due_lag_seconds",
      help: "Delay of the oldest due publication of this dispatcher. 0 if none is due.",
    },
    pace: {
      name: "fanout_pace",
      help: "Notifications per second that fan-out may write now. It falls while directors lag.",
    },
    partitions: { name: "partitions_owned", help: "Partitions of dispatch that this dispatcher owns." },
    queueReaders: { name: "queue_readers_waiting", help: "Reads of empty queues that wait for a message." },
    queueRequests: {
      name: "queue_requests_waiting",
      help: "Requests to queues that wait for a statement of Postgres.",
    },
    waitingBytes: {
      name: "dispatch_waiting_bytes",
      help: "Bytes of records of the topic dispatch that wait in memory.",
    },
    queueMessages: {
      name: "queue_messages_highest",
      help: "Unconfirmed messages of the longest queue of all tenants, counted up to 100,000. All dispatchers show the same: take the highest.",
    },
    queueSeconds: {
      name: "queue_oldest_highest_seconds",
      help: "Age of the oldest unconfirmed message in the queues of all tenants. 0 if there is none.",
    },
    outcomesUnderWay: {
      name: "outcomes_waiting",
      help: "Outcomes that Kafka does not have yet. Their messages are not confirmed.",
    },
  });
  return {
    watch,
    publication: (state: PublicationState) => publications.inc({ state }),
    outcome(outcome: Outcome): void {
      ended[outcome] = (ended[outcome] ?? 0) + 1;
    },
    messages: (action: QueueAction, count: number) => messages.inc({ action }, count),
    fannedOut(written: number, refused: number) {
      notifications.inc({ result: "written" }, written);
      if (refused > 0) notifications.inc({ result: "refused" }, refused);
    },
    fired: (count: number) => occurrences.inc({ result: "fired" }, count),
    skipped: (count: number) => occurrences.inc({ result: "skipped" }, count),
    fanOutFull: () => full.inc(),
    read: (records: number) => read.inc(records),
    retried: () => retries.inc(),
    deadLettered: () => deadLetters.inc(),
    paused: () => pauses.inc(),
    failed: (dependency: "kafka" | "postgres" | "redis") => failures.inc({ dependency }),
  };
}
