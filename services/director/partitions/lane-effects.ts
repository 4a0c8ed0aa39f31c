import { isTraced, recordSpan } from "@saasaparilla/shared/tracing/spans.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import type { ConnectionId, RoutedMessage } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { RareLog } from "@saasaparilla/shared/runtime/rare-log.ts";
import type { DeadLetter } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { EndedNotification } from "@saasaparilla/shared/protocol/outcome.ts";
import type { DirectorOptions } from "#director-options.ts";
import type { Attachment, Entry, Lane, LaneEvent, Settled } from "#lanes/lane.ts";
import type { LaneEvents } from "./lane-events.ts";
import type { PartitionLanes } from "./partition.ts";
import type { PartitionEffects } from "./partition-options.ts";

type Parts = Pick<
  DirectorOptions,
  "topics" | "kafka" | "stores" | "laneTimers" | "laneEvents" | "metrics" | "log" | "fatal"
>;

/** Performs and counts the effects of one partition's lanes: on routed, on the stores and on the dead letters. */
export class LaneEffects implements PartitionEffects {
  readonly superseded: (offset: number) => void;
  readonly #lanes: PartitionLanes;
  readonly #parts: Parts;
  readonly #rareLog = new RareLog();
  readonly #events: LaneEvents;

  constructor(lanes: PartitionLanes, superseded: (offset: number) => void, parts: Parts) {
    this.#lanes = lanes;
    this.superseded = superseded;
    this.#parts = parts;
    this.#events = parts.laneEvents;
  }

  lookUp(lane: Lane): void {
    this.#parts.stores.presenceLookup.add(this.#lanes, lane);
  }

  invite(lane: Lane, { slot, incarnation, session }: ConnectionId): void {
    this.#parts.metrics.invited();
    this.#signal(slot, { type: "invite", incarnation, session, key: lane.key });
  }

  held(
    _: Lane,
    { slot, incarnation, session, hold }: Attachment,
    stored: Sequence | undefined,
    queued: Sequence | undefined,
  ): void {
    this.#parts.metrics.held();
    const known = { ...(stored === undefined ? {} : { stored }), ...(queued === undefined ? {} : { queued }) };
    this.#signal(slot, { type: "held", incarnation, session, hold, ...known });
  }

  demote(lane: Lane, { slot, incarnation, session }: ConnectionId, reason: string, resume?: Sequence): void {
    const { metrics, log } = this.#parts;
    metrics.demoted(reason);
    log.debug({ client: lane.key, slot, session, reason }, "demoted");
    this.#signal(slot, { type: "demoted", incarnation, session, reason, ...(resume === undefined ? {} : { resume }) });
  }

  send(lane: Lane, attachment: Attachment, entry: Entry): void {
    const { slot, incarnation, session, sent } = attachment;
    const {
      sequence,
      body,
      record: { appended },
    } = entry;
    const { metrics, kafka, topics } = this.#parts;
    const { partition, generation } = this.#lanes;
    metrics.routed();
    kafka.producer.add(topics.routed, slot, (writer) =>
      writer.deliver({ incarnation, session, partition, generation, appended, prev: sent, sequence, body }),
    );
    this.#events.sent(lane, attachment, entry);
    if (isTraced(body)) traceSince("route", appended, body, { partition, slot });
  }

  store(lane: Lane, entries: Entry[], reason: string): void {
    if (reason === "share") this.#parts.metrics.overShare(entries.length);
    this.#parts.stores.notificationWriter.add(this.#lanes, lane, entries, reason);
  }

  deleteStored(lane: Lane, upTo: Sequence): void {
    this.#parts.stores.storedDeletions.add(lane.key, upTo);
  }

  taken(lane: Lane, entry: Entry): void {
    this.#events.accepted(lane, entry);
  }

  losing(lane: Lane, event: Extract<LaneEvent, { type: "refuse" | "close" }>): void {
    this.#events.lost(lane, event);
  }

  settled(lane: Lane, entry: Entry, how: Settled, { wall, session }: { wall: number; session: number }): void {
    const { body, record } = entry;
    const { metrics, log } = this.#parts;
    this.#events.settled(lane, entry, how, session);
    metrics.settled(how, (wall - record.appended) / 1_000, notificationBody.traceId(body));
    if (isTraced(body)) traceSince("settle", record.appended, body, { partition: this.#lanes.partition, how });
    if (how === "expired")
      log.info({ client: lane.key, notification: notificationBody.id(body) }, "expired before it was delivered");
    else if (log.isLevelEnabled("debug"))
      log.debug({ client: lane.key, notification: notificationBody.id(body), how }, "settled");
  }

  outcome(ended: EndedNotification, appended: () => void): void {
    void this.#parts.stores.outcomes.append(ended).then(appended);
  }

  arm(lane: Lane): void {
    this.#parts.laneTimers.arm(this.#lanes, lane);
  }

  deadLetter(letter: DeadLetter): Promise<void> {
    return this.#parts.stores.deadLetters.add(letter);
  }

  skipped(place: { offset: number; index: number; kind: number }): void {
    const { metrics, log, topics } = this.#parts;
    metrics.skipped("control");
    this.#rareLog.say((silent) =>
      log.warn(
        { topic: topics.control, partition: this.#lanes.partition, ...place, silent },
        "skipped an item of an unknown kind: another process may have a newer version",
      ),
    );
  }

  duplicate(key: ClientKey, id: string, body: Buffer): void {
    this.#parts.metrics.repeated();
    this.#events.repeated(key, body);
    this.#parts.log.info({ client: key, notification: id }, "dropped: repeat of a recent id");
  }

  findEnd(found: (end: number) => void): void {
    const { kafka, topics, fatal } = this.#parts;
    kafka.endOffset(topics.accepted, this.#lanes.partition).then(found, fatal);
  }

  #signal(slot: number, rest: SignalBody): void {
    const { kafka, topics } = this.#parts;
    const { partition, generation } = this.#lanes;
    kafka.producer.add(topics.routed, slot, (writer) => writer.signal({ partition, generation, ...rest }));
  }
}

/** Both begin when Kafka has the notification, so they show how long it waits there and here. */
function traceSince(name: "route" | "settle", appended: number, body: Buffer, attributes: Attributes): void {
  recordSpan(name, "consumer", notificationBody.traceparent(body), {
    start: new Date(appended),
    attributes: { "notification.id": notificationBody.id(body), ...attributes },
  });
}

type Attributes = Record<string, string | number>;

type SignalBody = RoutedMessage extends infer S
  ? S extends RoutedMessage
    ? Omit<S, "partition" | "generation">
    : never
  : never;
