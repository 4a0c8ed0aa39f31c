import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { EndOptions } from "@saasaparilla/shared/protocol/options.ts";
import type { Outcome } from "@saasaparilla/shared/protocol/outcome.ts";

interface Published {
  key: ClientKey;
  sequence: Sequence;
  options: EndOptions;
}

/** The client whose connections all ask for retracts. */
export const ASKS_FOR_RETRACTS: ClientKey = "t/a";

/** The published notifications with options, and the outcomes in their queue. */
export class Endings {
  readonly #byId = new Map<string, Published>();
  readonly #bySequence = new Map<Sequence, Published>();
  /** The last sequence of each client and collapse key. */
  readonly #last = new Map<string, Sequence>();
  readonly #outcomes = new Map<Sequence, Outcome>();

  publish(id: string, published: Published): void {
    this.#byId.set(id, published);
    this.#bySequence.set(published.sequence, published);
    const { collapse } = published.options;
    if (collapse !== undefined) this.#last.set(`${published.key} ${collapse}`, published.sequence);
  }

  byId(id: string): Sequence {
    return this.#byId.get(id)!.sequence;
  }

  of(sequence: Sequence): EndOptions | undefined {
    return this.#bySequence.get(sequence)?.options;
  }

  isRetract(sequence: Sequence): boolean {
    return this.of(sequence)?.retract === true;
  }

  /** A later notification has the same collapse key, so it need not arrive. */
  replaced(key: ClientKey, sequence: Sequence): boolean {
    const collapse = this.of(sequence)?.collapse;
    return collapse !== undefined && this.#last.get(`${key} ${collapse}`)! > sequence;
  }

  /** It is replaced, or a retract that a connection passed over because it did not ask. */
  needNotArrive(key: ClientKey, sequence: Sequence): boolean {
    return this.replaced(key, sequence) || (this.isRetract(sequence) && key !== ASKS_FOR_RETRACTS);
  }

  /** The first outcome counts. */
  append(sequence: Sequence, outcome: Outcome): void {
    if (!this.#outcomes.has(sequence)) this.#outcomes.set(sequence, outcome);
  }

  /** A notification that asked for an outcome and has none. */
  owed(sequence: Sequence): boolean {
    return this.of(sequence)?.outcomes !== undefined && !this.#outcomes.has(sequence);
  }
}
