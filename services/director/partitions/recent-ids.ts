import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";

/**
 * The ids of the last notifications of a partition: a repeat of one, from a publisher's or a producer's retry, is dropped.
 * A bounded window; after a takeover it has those of the last records before the commit. docs/internals/decisions/0003-repeats.md says what stands before it.
 */
const GENERATION = 16_384;

export class RecentIds {
  /** Whose each was: another client's same id is no repeat. */
  #young = new Map<string, ClientKey>();
  #old = new Map<string, ClientKey>();
  /**
   * Ids are random, and so one client's; but a publisher may choose them. Once it has, those of the later clients stand here by
   * a longer name, which is no other's id.
   */
  #shared = false;

  /** True where this client's id was seen within the last 16,384 to 32,768 notifications; it is seen now. */
  repeated(id: string, key: ClientKey): boolean {
    const owner = this.#young.get(id) ?? this.#old.get(id);
    if (owner === key) return true;
    this.#shared ||= owner !== undefined;
    if (!this.#shared) return this.#add(id, key);
    const name = `${id}${key}`;
    return this.#young.has(name) || this.#old.has(name) || this.#add(owner === undefined ? id : name, key);
  }

  #add(name: string, key: ClientKey): false {
    this.#young.set(name, key);
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    return false;
  }
}
