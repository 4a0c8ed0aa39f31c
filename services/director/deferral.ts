/**
 * Whether a partition has anything deferred that is not in Postgres yet. While it has, everything that would be stored is
 * deferred too, behind it: later notifications inserted directly would be replayed before the earlier ones. A new owner
 * begins with what the one before it left.
 */
export class Deferral {
  /** The offset of deferred to read next, and the one after the last that counts. */
  #position: number;
  #end: number;
  #appending = 0;

  constructor(position: number, end: number) {
    this.#position = position;
    this.#end = end;
  }

  get position(): number {
    return this.#position;
  }

  get active(): boolean {
    return this.#appending > 0 || this.#position < this.#end;
  }

  /** One more is on its way into the topic. */
  appending(): void {
    this.#appending += 1;
  }

  appended(offset: number): void {
    this.#appending -= 1;
    this.#end = Math.max(this.#end, offset + 1);
  }

  /** Everything up to this offset is in Postgres. */
  drainedTo(next: number): void {
    this.#position = Math.max(this.#position, next);
  }
}
