import { START, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { Usage } from "#admission/tenant-usage.ts";

/** A notification as the client receives it: JSON text as UTF-8. */
export interface Item {
  sequence: Sequence;
  json: Buffer;
  /** It is a frame of its own: a WebSocket does not put it into a batch. */
  retract?: boolean;
  /** For a notification with a time to live: true if it expired, which is also reported. */
  late?: () => boolean;
  /** For a followed notification: the peer's socket took it, or never will. */
  end?: (taken: boolean) => void;
}

/** Writes items to the peer. Returns whether it takes more right now. */
export type Sink = (items: Item[]) => boolean;

/** The most bytes for one call of the sink. */
const CHUNK_BYTES = 64 * 1024;

/**
 * The queue of one slow peer: bounded in bytes, one drain for each socket. Full is a named outcome: the item is
 * refused, and the session replays from Postgres once the outbox has drained. Nothing is lost.
 */
export class Outbox {
  readonly #sink: Sink;
  readonly #maxBytes: number;
  /** The tenant's usage: the queued bytes count there too. */
  #share: Usage | undefined;
  #items: Item[] = [];
  #bytes = 0;
  #open = true;
  #moved = 0;
  #given: Sequence = START;
  /** Waiting items that have an `end`. */
  #followed = 0;

  constructor(sink: Sink, maxBytes: number) {
    this.#sink = sink;
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  belongsTo(share: Usage): void {
    this.#share = share;
  }

  /** Counts hand-overs. If it does not change, the peer reads nothing. */
  get moved(): number {
    return this.#moved;
  }

  /** The last sequence that the sink received, START before the first. The peer cannot have anything later. */
  get given(): Sequence {
    return this.#given;
  }

  get congested(): boolean {
    return !this.#open || this.#bytes > 0;
  }

  /** False if it is full. An empty outbox takes any item. */
  add(item: Item): boolean {
    const { length } = item.json;
    const share = this.#share;
    if (this.#bytes > 0) {
      if (this.#bytes + length > this.#maxBytes) return false;
      if (share && share.bytes + length > share.mostBytes) return false;
    }
    this.#items.push(item);
    if (item.end) this.#followed += 1;
    this.#count(length);
    return true;
  }

  /** Drops the rest: the connection is gone, or everything is sent again from the start. */
  discard(): void {
    const items = this.#items;
    this.#items = [];
    if (this.#followed > 0) this.#end(items, undefined);
    this.#count(-this.#bytes);
    this.#given = START;
  }

  /** Hands over as much as the peer takes. */
  flush(): void {
    while (this.#open && this.#items.length > 0) {
      let count = 0;
      let bytes = 0;
      while (count < this.#items.length && (count === 0 || bytes + this.#items[count]!.json.length <= CHUNK_BYTES)) {
        bytes += this.#items[count]!.json.length;
        count += 1;
      }
      const taken = count === this.#items.length ? this.#items : this.#items.slice(0, count);
      this.#items = count === this.#items.length ? [] : this.#items.slice(count);
      this.#count(-bytes);
      this.#moved += 1;
      // For a slow peer, expiry can come long after `add`.
      const items = taken.some(({ late }) => late) ? taken.filter(({ late }) => !late?.()) : taken;
      const last = items.at(-1);
      if (last) {
        this.#given = last.sequence;
        this.#open = this.#sink(items);
      }
      if (this.#followed > 0) this.#end(taken, new Set(items));
    }
  }

  /** The peer takes more again. True if the outbox is empty. */
  drained(): boolean {
    this.#open = true;
    this.#moved += 1;
    this.flush();
    return !this.congested;
  }

  /** `given`: those that the sink received. The others expired, which was reported. Undefined: none ever will be. */
  #end(items: readonly Item[], given: ReadonlySet<Item> | undefined): void {
    for (const item of items) {
      if (!item.end) continue;
      this.#followed -= 1;
      if (!given || given.has(item)) item.end(given !== undefined);
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#share) this.#share.bytes += bytes;
  }

  /** The peer takes nothing until `drained`: between two long polls. */
  shut(): void {
    this.#open = false;
  }
}
