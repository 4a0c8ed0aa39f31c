import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { blank, createLane, idle, NEVER, type Lane, type LaneState } from "./lane.ts";

/**
 * A lane without activity, in as little memory as possible: most connected clients receive nothing for a long time.
 * Session 0 means that no connection is attached.
 */
interface Parked {
  state: LaneState;
  slot: number;
  incarnation: number;
  session: number;
  hold: number;
  acknowledges: boolean;
  sent: Sequence;
  storedTo: Sequence;
}

/**
 * The lanes of one partition, bounded in number. Above the bound the oldest idle lanes are forgotten. The next event of
 * such a client looks it up again.
 */
export class LaneMap {
  readonly #most: number;
  readonly #active = new Map<ClientKey, Lane>();
  readonly #parked = new Map<ClientKey, Parked>();
  #parkRound: MapIterator<Lane> = this.active();
  #lookRound: MapIterator<Lane> = this.active();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#active.size + this.#parked.size;
  }

  get parked(): number {
    return this.#parked.size;
  }

  /** The lanes that are not parked. */
  active(): MapIterator<Lane> {
    return this.#active.values();
  }

  get(key: ClientKey): Lane | undefined {
    return this.#active.get(key) ?? this.#unpark(key);
  }

  of(key: ClientKey): Lane {
    let lane = this.get(key);
    if (!lane) {
      // Forget before adding: the new lane is idle too, and must not be the one forgotten.
      if (this.size >= this.#most) this.#forget();
      this.#active.set(key, (lane = createLane(key)));
    }
    return lane;
  }

  /** False for a lane that was forgotten. Its key can have a new lane. */
  has(lane: Lane): boolean {
    return this.#active.get(lane.key) === lane;
  }

  /** Call it after each step. */
  keep(lane: Lane): void {
    if (blank(lane)) this.#active.delete(lane.key);
    else lane.stirred = true;
  }

  /** Call it at intervals. It visits a part of the lanes, and parks those that were still at two visits. */
  park(part: number): void {
    const over = this.#visit(this.#parkRound, part, (lane) => {
      if (!lane.stirred && still(lane)) {
        this.#active.delete(lane.key);
        this.#parked.set(lane.key, parkedOf(lane));
      }
      lane.stirred = false;
    });
    if (over) this.#parkRound = this.active();
  }

  /** Call it at intervals. It visits a part of the active lanes, and continues there at the next call. */
  look(part: number, at: (lane: Lane) => void): void {
    if (this.#visit(this.#lookRound, part, at)) this.#lookRound = this.active();
  }

  /** True when the round is over. */
  #visit(round: MapIterator<Lane>, part: number, at: (lane: Lane) => void): boolean {
    for (let looked = Math.ceil(this.#active.size * part); looked > 0; looked -= 1) {
      const next = round.next();
      if (next.done === true) return true;
      at(next.value);
    }
    return false;
  }

  #unpark(key: ClientKey): Lane | undefined {
    const parked = this.#parked.get(key);
    if (!parked) return undefined;
    this.#parked.delete(key);
    const lane = createLane(key);
    const { state, storedTo, session, slot, incarnation, hold, sent, acknowledges } = parked;
    lane.state = state;
    lane.storedTo = storedTo;
    if (session !== 0)
      lane.attachments = [{ slot, incarnation, session, phase: "live", hold, sent, acknowledges, pendingSince: 0 }];
    this.#active.set(key, lane);
    return lane;
  }

  #forget(): void {
    for (const key of this.#parked.keys()) {
      this.#parked.delete(key);
      if (this.size < this.#most) return;
    }
    let looked = 0;
    for (const [key, lane] of this.#active) {
      if ((looked += 1) > 64 || this.size < this.#most) return;
      this.#active.delete(key);
      if (!idle(lane)) this.#active.set(key, lane);
    }
  }
}

/** No work is in progress or expected, and at most one connection is attached. */
function still(lane: Lane): boolean {
  if (!idle(lane) || lane.storing > 0 || lane.sent > 0 || lane.deadline !== NEVER) return false;
  const [attachment] = lane.attachments;
  if (!attachment) return lane.state !== "LIVE";
  return (
    lane.state === "LIVE" &&
    lane.attachments.length === 1 &&
    attachment.phase === "live" &&
    attachment.pendingSince === 0
  );
}

function parkedOf({ state, storedTo, attachments: [attachment] }: Lane): Parked {
  return {
    state,
    slot: attachment?.slot ?? 0,
    incarnation: attachment?.incarnation ?? 0,
    session: attachment?.session ?? 0,
    hold: attachment?.hold ?? 0,
    acknowledges: attachment?.acknowledges ?? false,
    sent: attachment?.sent ?? storedTo,
    storedTo,
  };
}
