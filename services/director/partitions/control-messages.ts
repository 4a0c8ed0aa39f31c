import { classify } from "@saasaparilla/shared/runtime/errors.ts";
import type { Batch } from "@saasaparilla/shared/kafka/client.ts";
import { START, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { Kind, readAck, readMessage, readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { asControl, type ConnectionId, type ControlMessage } from "@saasaparilla/shared/protocol/control-messages.ts";
import { deadLetterOf, deadLetterOfItem, NOTHING } from "@saasaparilla/shared/kafka/dead-letters.ts";
import { caughtUp, type Lane, type LaneEvent } from "#lanes/lane.ts";
import type { LaneMap } from "#lanes/lane-map.ts";
import type { CursorCheck } from "./cursor-check.ts";
import type { DeferredQueue } from "./deferred.ts";
import type { PartitionEffects } from "./partition-options.ts";

/** The partition that the messages belong to. */
export interface ControlTarget {
  readonly generation: number;
  readonly owned: boolean;
  readonly lanes: LaneMap;
  readonly deferredQueue: DeferredQueue;
  readonly cursorCheck: CursorCheck;
  readonly effects: PartitionEffects;
  /** Uses the time of the batch. */
  step(lane: Lane, event: LaneEvent): void;
  /** Uses the time of the call. */
  dispatch(lane: Lane, event: LaneEvent): void;
}

/** THE PATH of acknowledgements, and of connections that become live: control > lane. */
export class ControlMessages {
  readonly #partition: ControlTarget;
  /** The next offset of control to read. */
  #next: number;

  constructor(partition: ControlTarget) {
    this.#partition = partition;
    // Messages before our claim belong to another director.
    this.#next = partition.generation + 1;
  }

  /** Resolves when rejected messages are stored as dead letters. All others take effect before it returns. */
  read(batch: Batch): Promise<unknown> {
    const kept: Promise<void>[] = [];
    for (const record of batch.records) {
      // A rejoin reads messages again. A second `prepare` would hold a connection that is live.
      if (record.offset < this.#next || !this.#partition.owned) continue;
      this.#next = record.offset + 1;
      try {
        readPack(
          record.value ?? NOTHING,
          (kind, body, index) => {
            if (kind === Kind.ACK) this.#acknowledged(body);
            else if (kind === Kind.SIGNAL) this.#signal(asControl(readMessage(body)), record.offset);
            // From a newer process. Its sender needs no answer, or asks again.
            else this.#partition.effects.skipped({ offset: record.offset, index, kind });
          },
          (item) => kept.push(this.#partition.effects.deadLetter(deadLetterOfItem(batch, record, item))),
        );
      } catch (error) {
        if (classify(error) !== "reject") throw error;
        kept.push(this.#partition.effects.deadLetter(deadLetterOf(batch, record, error)));
      }
    }
    return Promise.all(kept);
  }

  #acknowledged(body: Buffer): void {
    const { key, session, sequence } = readAck(body);
    if (session === 0) {
      this.#acknowledgedByClient(key, sequence);
      return;
    }
    const lane = this.#partition.lanes.get(key);
    if (lane) this.#partition.step(lane, { type: "ack", session, sequence });
  }

  /** By POST /v1/acks: no session confirms the cursor, and its deletions are final. */
  #acknowledgedByClient(key: ClientKey, sequence: Sequence): void {
    // Each cursor has its own name, so that an invented one does not replace a real one that waits.
    this.#whenKnown(`${key} ${sequence}`, sequence, (known) => {
      if (!known) return;
      const { lanes, effects } = this.#partition;
      const lane = lanes.of(key);
      this.#partition.dispatch(lane, { type: "ack", session: 0, sequence });
      effects.deleteStored(lane, sequence);
    });
  }

  #signal(message: ControlMessage, offset: number): void {
    const { lanes, generation, deferredQueue, cursorCheck, effects } = this.#partition;
    if (message.type === "claim") {
      effects.superseded(offset);
      return;
    }
    const id: ConnectionId = { slot: message.slot, incarnation: message.incarnation, session: message.session };
    switch (message.type) {
      case "prepare":
        this.#whenKnown(nameOf(id), message.sent, (known) => {
          if (!known) effects.demote(lanes.of(message.key), id, "cursor", START);
          // A replay misses deferred notifications. The connection is invited when they are in Postgres.
          else if (deferredQueue.activeFor(message.key) && !this.#caughtUp(message))
            deferredQueue.want(message.key, id);
          else this.#partition.dispatch(lanes.of(message.key), { ...message, id });
        });
        return;
      case "commit":
        if (message.generation === generation) this.#partition.dispatch(lanes.of(message.key), { ...message, id });
        else effects.demote(lanes.of(message.key), id, "another generation");
        return;
      case "release":
        if (message.generation === generation) this.#known(message.key, { type: "release", id, hold: message.hold });
        return;
      case "refuse":
        if (message.generation === generation) this.#known(message.key, { type: "refuse", id, reason: message.reason });
        return;
      case "close":
        cursorCheck.forget(nameOf(id));
        this.#known(message.key, { type: "close", id });
    }
  }

  #caughtUp({ key, sent }: { key: ClientKey; sent: Sequence }): boolean {
    const lane = this.#partition.lanes.get(key);
    return lane !== undefined && caughtUp(lane, sent);
  }

  #known(key: ClientKey, event: LaneEvent): void {
    const lane = this.#partition.lanes.get(key);
    if (lane) this.#partition.dispatch(lane, event);
  }

  /** Only a cursor that can have been issued may settle or skip notifications. */
  #whenKnown(name: string, sequence: Sequence, then: (known: boolean) => void): void {
    this.#partition.cursorCheck.when(name, sequence, (known) => {
      if (this.#partition.owned) then(known);
    });
  }
}

/** It cannot equal a client's key, because it has no slash. */
function nameOf({ slot, incarnation, session }: ConnectionId): string {
  return `${slot}:${incarnation}:${session}`;
}
