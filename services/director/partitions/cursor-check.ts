import { epochOf, offsetOf, START, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";

/** Those who wait for an answer, at most: who finds no place asks again by itself. */
const MOST_WAITING = 50_000;

/**
 * Whether a cursor can have been issued: one of a later epoch, or past accepted's end, is none of this topic's, and must not
 * make its client miss anything. What this director has not read yet an earlier one may have sent: that is settled by asking
 * Kafka, one question at a time, for all who had asked before it began.
 */
export class CursorCheck {
  readonly #epoch: number;
  readonly #findEnd: (found: (end: number) => void) => void;
  /** A lower bound of accepted's end: what was read, and what was found. */
  #end = 0;
  /** Each under its own name: who asks again takes the place of before, and who is gone is forgotten. */
  #waiting = new Map<string, () => void>();
  #asked = new Map<string, () => void>();
  #asking = false;

  /** `findEnd` asks Kafka for the offset that accepted's next record will have; where that fails for good, the process ends. */
  constructor(epoch: number, findEnd: (found: (end: number) => void) => void) {
    this.#epoch = epoch;
    this.#findEnd = findEnd;
  }

  /** There is a record before this offset. */
  read(end: number): void {
    if (end > this.#end) this.#end = end;
  }

  /** At once where it can be told from what was read. */
  when(name: string, sequence: Sequence, then: (known: boolean) => void): void {
    const known = (): boolean =>
      epochOf(sequence) < this.#epoch || offsetOf(sequence) < this.#end || sequence === START;
    if (epochOf(sequence) > this.#epoch) then(false);
    else if (known()) then(true);
    else if (this.#waiting.has(name) || this.#waiting.size < MOST_WAITING) {
      this.#asked.delete(name);
      this.#waiting.set(name, () => then(known()));
      this.#ask();
    }
  }

  /** Nobody waits for it any more. */
  forget(name: string): void {
    this.#waiting.delete(name);
    this.#asked.delete(name);
  }

  #ask(): void {
    if (this.#asking || this.#waiting.size === 0) return;
    this.#asking = true;
    this.#asked = this.#waiting;
    this.#waiting = new Map();
    this.#findEnd((end) => {
      this.read(end);
      const answered = [...this.#asked.values()];
      this.#asked = new Map();
      this.#asking = false;
      for (const answer of answered) answer();
      this.#ask();
    });
  }
}
