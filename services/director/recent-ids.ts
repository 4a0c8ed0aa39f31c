/**
 * The ids of the last notifications of a partition: a repeat of one, from a publisher's or a producer's retry, is dropped.
 * A bounded window, and empty after a takeover: docs/decisions/0003-repeats.md says what stands before it.
 */
const GENERATION = 16_384;

export class RecentIds {
  #young = new Set<string>();
  #old = new Set<string>();

  /** True where the id was seen within the last 16,384 to 32,768 notifications; it is seen now. */
  repeated(id: string): boolean {
    if (this.#young.has(id) || this.#old.has(id)) return true;
    this.#young.add(id);
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    return false;
  }
}
