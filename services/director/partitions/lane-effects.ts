import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import type { RoutedMessage } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { DirectorOptions } from "#director-options.ts";
import type { Ownership } from "./ownership.ts";
import { PartitionLanes } from "./partition.ts";

interface Claimed {
  ownership: Ownership;
  deferred: { committed: number; end: number };
  /** Offset of the oldest record of accepted. */
  oldest: number;
}

/** The lanes of a partition that was claimed, and what they do to the world: into routed, the store and the dead letters, all counted. */
export function createPartitionLanes(
  claimed: Claimed,
  superseded: (newer: number) => void,
  options: DirectorOptions,
): PartitionLanes {
  const { partition, generation } = claimed.ownership;
  const {
    topics,
    producer,
    notificationWriter,
    storedDeletions,
    deadLetters,
    presenceLookup,
    laneTimers,
    metrics,
    log,
    clock,
  } = options;
  const signal = (slot: number, rest: SignalBody): void =>
    producer.add(topics.routed, slot, (writer) => writer.signal({ partition, generation, ...rest }));
  const lanes: PartitionLanes = new PartitionLanes({
    ...claimed,
    findEnd: (found) => {
      options.endOffset(topics.accepted, partition).then(found, options.fatal);
    },
    epoch: options.epoch,
    limits: options.limits,
    maxLanes: options.maxLanes,
    maxUnsettled: options.maxUnsettled,
    maxBytes: options.maxBytes,
    weightOf: options.weightOf,
    clock,
    out: {
      lookUp: (lane) => presenceLookup.add(lanes, lane),
      invite: (lane, { slot, incarnation, session }) => {
        metrics.invited();
        signal(slot, { type: "invite", incarnation, session, key: lane.key });
      },
      held: (_, { slot, incarnation, session, hold }, stored, queued) => {
        metrics.held();
        const known = { ...(stored === undefined ? {} : { stored }), ...(queued === undefined ? {} : { queued }) };
        signal(slot, { type: "held", incarnation, session, hold, ...known });
      },
      demote: (lane, { slot, incarnation, session }, reason, resume) => {
        metrics.demoted(reason);
        log.debug({ client: lane.key, slot, session, reason }, "demoted");
        signal(slot, { type: "demoted", incarnation, session, reason, ...(resume === undefined ? {} : { resume }) });
      },
      send: (_, { slot, incarnation, session, sent }, { sequence, body, record: { appended } }) => {
        metrics.routed();
        producer.add(topics.routed, slot, (writer) =>
          writer.deliver({ incarnation, session, partition, generation, appended, prev: sent, sequence, body }),
        );
      },
      store: (lane, entries, reason) => {
        if (reason === "share") metrics.overShare(entries.length);
        notificationWriter.add(lanes, lane, entries);
      },
      deleteStored: (lane, upTo) => storedDeletions.add(lane.key, upTo),
    },
    settled: (lane, { body, record }, how, wall) => {
      metrics.settled(how, (wall - record.appended) / 1_000);
      if (how === "expired")
        log.info({ client: lane.key, notification: notificationBody.id(body) }, "expired before it was delivered");
      else if (log.isLevelEnabled("debug"))
        log.debug({ client: lane.key, notification: notificationBody.id(body), how }, "settled");
    },
    arm: (owner, lane) => laneTimers.arm(owner, lane),
    deadLetter: (letter) => deadLetters.add(letter),
    duplicate: (key, id) => {
      metrics.repeated();
      log.info({ client: key, notification: id }, "dropped: its id was seen just now");
    },
    superseded,
  });
  return lanes;
}

type SignalBody = RoutedMessage extends infer S
  ? S extends RoutedMessage
    ? Omit<S, "partition" | "generation">
    : never
  : never;
