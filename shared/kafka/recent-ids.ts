import type { ClientKey } from "#protocol/notification.ts";

/**
 * The ids of a partition's last notifications. It drops repeats, which come from a publisher's or a producer's retry.
 * The window is bounded; after a takeover it holds the ids of the last records before the commit.
 * docs/internals/decisions/0003-repeats.md describes the checks before it.
 */
const GENERATION = 16_384;

export class RecentIds {
  /** The client of each id: the same id of another client is no repeat. */
  #young = new Map<string, ClientKey>();
  #old = new Map<string, ClientKey>();
  /**
   * Random ids belong to one client, but publishers can choose their own. If two clients share an id, the later one is
   * kept under a longer name that equals no id.
   */
  #shared = false;

  /** True if this client's id occurred within the last 16,384 to 32,768 notifications. Marks the id as seen. */
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
