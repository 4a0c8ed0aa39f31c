import type { ClientKey } from "@saasaparilla/shared/notification.ts";

/**
 * The ids of the last notifications of a partition: a repeat of one, from a publisher's or a producer's retry, is dropped.
 * A bounded window, and empty after a takeover: docs/decisions/0003-repeats.md says what stands before it.
 */
const GENERATION = 16_384;

export class RecentIds {
  /** Whose each was: another client's same id is no repeat. */
  #young = new Map<string, ClientKey>();
  #old = new Map<string, ClientKey>();

  /** True where this client's id was seen within the last 16,384 to 32,768 notifications; it is seen now. */
  repeated(id: string, key: ClientKey): boolean {
    const seen = this.#young.get(id) ?? this.#old.get(id);
    if (seen === key) return true;
    // Ids are random, and so one client's; but a publisher may choose them. The longer name is no other client's id.
    if (seen !== undefined) return this.repeated(`${id}${key}`, key);
    this.#young.set(id, key);
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    return false;
  }
}
