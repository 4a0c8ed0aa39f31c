import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { DeadLetter } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { EndedNotification } from "@saasaparilla/shared/protocol/outcome.ts";
import type { Entry, Lane, LaneEvent, LaneLimits, LaneOutput, Settled } from "#lanes/lane.ts";
import type { WaitingOptions } from "#lanes/waiting-shares.ts";
import type { Ownership } from "./ownership.ts";

export interface Clock {
  monotonic(): number;
  wall(): number;
}

export interface PartitionLimits extends WaitingOptions {
  lane: LaneLimits;
  maxLanes: number;
}

/** A partition that this director owns, with Kafka's state at the claim. */
export interface Claim {
  ownership: Ownership;
  /** Of deferred: the group's committed offset, and the next record's offset. */
  deferred: { committed: number; end: number };
  /** The oldest offset of accepted in Kafka. */
  oldest: number;
}

export interface PartitionOptions {
  claim: Claim;
  epoch: number;
  limits: PartitionLimits;
  clock: Clock;
}

/** The external effects of one partition's lanes: lane-effects.ts. */
export interface PartitionEffects extends LaneOutput {
  /** Asks Kafka for the offset of accepted's next record. */
  findEnd(found: (end: number) => void): void;
  /** `wall`: the current time, ms since 1970. `session`: that of an acknowledgement, or 0. */
  settled(lane: Lane, entry: Entry, how: Settled, by: { wall: number; session: number }): void;
  /** The lane took a followed entry. */
  taken(lane: Lane, entry: Entry): void;
  /** The lane loses a connection that it sent something to. */
  losing(lane: Lane, event: Extract<LaneEvent, { type: "refuse" | "close" }>): void;
  /** Arms one timer for the lane at its deadline. */
  arm(lane: Lane): void;
  /** Calls back when Kafka has it: only then is the notification settled. */
  outcome(ended: EndedNotification, appended: () => void): void;
  /** Resolves when Kafka has it. */
  deadLetter(letter: DeadLetter): Promise<void>;
  /** An item of control of an unknown kind. */
  skipped(place: { offset: number; index: number; kind: number }): void;
  /** `body`: the repeat. */
  duplicate(key: ClientKey, id: string, body: Buffer): void;
  /** Another director's claim is at this offset of control. */
  superseded(offset: number): void;
}
