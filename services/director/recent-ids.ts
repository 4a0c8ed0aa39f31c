import { randomInt } from "node:crypto";
import type { ClientKey } from "@saasaparilla/shared/notification.ts";

/**
 * The ids of the last notifications of a partition: a repeat of one, from a publisher's or a producer's retry, is dropped.
 * A bounded window, and empty after a takeover: docs/decisions/0003-repeats.md says what stands before it.
 */
const GENERATION = 16_384;
/** Half of the places stay empty, so that a search ends after one or two. */
const PLACES = GENERATION * 2;

const NOTHING = new Int32Array(0);

export class RecentIds {
  #young = new Generation();
  #old = new Generation();

  /** True where this client's id (the body's first 16 bytes) was seen within the last 16,384 to 32,768 notifications; it is seen now. Another client's same id is no repeat. */
  repeated(body: Buffer, key: ClientKey): boolean {
    const hash = hashOf(body, key);
    if (this.#young.has(body, key, hash) || this.#old.has(body, key, hash)) return true;
    this.#young.add(body, key, hash);
    if (this.#young.size === GENERATION) {
      [this.#young, this.#old] = [this.#old, this.#young];
      this.#young.clear();
    }
    return false;
  }
}

/** A hash table with open addressing: no string is made of an id, and nothing is left for the garbage collector. */
class Generation {
  /** By place: an entry's number from 1; 0 where there is none. Made with the first entry: many partitions have little to do. */
  #places = NOTHING;
  /** By entry: the id as four numbers. */
  #ids = NOTHING;
  readonly #keys: ClientKey[] = [];
  size = 0;

  has(body: Buffer, key: ClientKey, hash: number): boolean {
    return this.size > 0 && this.#find(body, key, hash) >= 0;
  }

  /** The entry, or where a new one goes: -1 - place. */
  #find(body: Buffer, key: ClientKey, hash: number): number {
    const ids = this.#ids;
    for (let place = hash & (PLACES - 1); ; place = (place + 1) & (PLACES - 1)) {
      const entry = this.#places[place]! - 1;
      if (entry < 0) return -1 - place;
      const at = entry * 4;
      if (
        ids[at] === body.readInt32LE(0) &&
        ids[at + 1] === body.readInt32LE(4) &&
        ids[at + 2] === body.readInt32LE(8) &&
        ids[at + 3] === body.readInt32LE(12) &&
        this.#keys[entry] === key
      )
        return entry;
    }
  }

  add(body: Buffer, key: ClientKey, hash: number): void {
    if (this.#ids === NOTHING) {
      this.#places = new Int32Array(PLACES);
      this.#ids = new Int32Array(GENERATION * 4);
    }
    const place = -1 - this.#find(body, key, hash);
    const at = this.size * 4;
    for (let part = 0; part < 4; part += 1) this.#ids[at + part] = body.readInt32LE(part * 4);
    this.#keys[this.size] = key;
    this.size += 1;
    this.#places[place] = this.size;
  }

  clear(): void {
    this.#places.fill(0);
    this.#keys.length = 0;
    this.size = 0;
  }
}

/** Ids and keys are the publishers' to choose: without a number that they do not know, they could choose such as fall on one place. */
const SECRET = randomInt(1, 2 ** 31);

function hashOf(body: Buffer, key: ClientKey): number {
  let hash = SECRET;
  for (let at = 0; at < 16; at += 4) hash = mixed(hash ^ body.readInt32LE(at));
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return mixed(hash);
}

/** The last step of MurmurHash3: every bit of the number counts in every bit of the answer. */
function mixed(number: number): number {
  let hash = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
