import {
  cursorTag,
  fromCursor,
  toCursor,
  type ClientKey,
  type Sequence,
} from "@saasaparilla/shared/protocol/notification.ts";

/**
 * A receipt is the cursor of a message. One from a claim also has the number of its attempt, so that a worker whose
 * claim ended cannot extend or release the claim of another.
 */
export interface Receipt {
  sequence: Sequence;
  attempts: number | undefined;
}

export const RECEIPT_FORM = /^[0-9a-f]{25}(?:-[1-9][0-9]{0,8})?$/;

export class Receipts {
  readonly #tag: string;

  constructor(queue: ClientKey) {
    this.#tag = cursorTag(queue);
  }

  /** `attempts`: of a claim. */
  of(sequence: Sequence, attempts?: number): string {
    const cursor = toCursor(sequence, this.#tag);
    return attempts === undefined ? cursor : `${cursor}-${attempts}`;
  }

  /** Undefined if it is of another queue. */
  read(receipt: string): Receipt | undefined {
    const [cursor = "", attempts] = receipt.split("-");
    const sequence = fromCursor(cursor, this.#tag);
    return sequence === undefined
      ? undefined
      : { sequence, attempts: attempts === undefined ? undefined : Number(attempts) };
  }
}
