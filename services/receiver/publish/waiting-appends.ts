import { FairQueue } from "@saasaparilla/shared/fairness/fair-queue.ts";
import { bytesOf } from "./item-cost.ts";
import type { Item } from "./item.ts";

/** The part of one request that one turn passes on. */
export interface Slice<W> {
  waiting: W;
  items: Item[];
  bytes: number;
}

/** The bytes that a tenant of weight 1 passes on in its turn. */
const SLICE_BYTES = 64 << 10;

/**
 * Items that wait for room in Kafka, in turns by tenant and bytes. A request waits for the current send and for the
 * turns of other tenants, but not for their whole queues. In order within a tenant.
 */
export class WaitingAppends<W> {
  readonly #queue: FairQueue<Slice<W>, true>;
  #bytes = 0;

  constructor(weightOf: (tenant: string) => number) {
    this.#queue = new FairQueue(weightOf, SLICE_BYTES);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#queue.size === 0;
  }

  add(tenant: string, waiting: W, items: readonly Item[]): void {
    let slice: Slice<W> | undefined;
    for (const item of items) {
      if (!slice || slice.bytes >= SLICE_BYTES)
        this.#queue.set(tenant, (slice = { waiting, items: [], bytes: 0 }), true);
      slice.items.push(item);
      slice.bytes += bytesOf(item);
      this.#bytes += bytesOf(item);
    }
  }

  /** The slice whose turn it is. Refused ones are dropped, and cost no turn. */
  shift(): Slice<W> | undefined {
    for (;;) {
      const [slice] = this.#queue.shift((one) => (isOpen(one) ? one.bytes : 0)) ?? [];
      if (slice) this.#bytes -= slice.bytes;
      if (!slice || isOpen(slice)) return slice;
    }
  }
}

/** The queued items of one request are refused together. */
function isOpen({ items }: Slice<unknown>): boolean {
  return items[0]!.outcome === "open";
}
