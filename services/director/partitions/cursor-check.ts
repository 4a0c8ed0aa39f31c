import { epochOf, offsetOf, START, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";

/** The most questions that wait. Clients above the bound ask again on their own. */
const MOST_WAITING = 50_000;

/**
 * Checks whether a cursor can have been issued. A cursor of a later epoch, or past accepted's end, is not from this
 * topic. It must not make its client miss anything. An earlier director may have sent what this one has not read yet.
 * So Kafka is asked, one question at a time, for all callers that asked before it began.
 */
export class CursorCheck {
  readonly #epoch: number;
  readonly #findEnd: (found: (end: number) => void) => void;
  /** A lower bound of accepted's end, from records read and from Kafka's answers. */
  #end = 0;
  /** Each caller has a name: a repeated question replaces the earlier one, and a closed connection is forgotten. */
  #waiting = new Map<string, () => void>();
  #asked = new Map<string, () => void>();
  #asking = false;

  /** `findEnd` asks Kafka for the offset of accepted's next record. If that fails for good, the process ends. */
  constructor(epoch: number, findEnd: (found: (end: number) => void) => void) {
    this.#epoch = epoch;
    this.#findEnd = findEnd;
  }

  /** A record before this offset exists. */
  read(end: number): void {
    if (end > this.#end) this.#end = end;
  }

  /** Answers at once if the records read so far decide it. */
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

  /** Removes a question that no longer needs an answer. */
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
