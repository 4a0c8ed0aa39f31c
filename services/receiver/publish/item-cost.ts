import { pointed } from "#api/item-problems.ts";
import type { Item } from "./item.ts";

const REFUSED_BYTES = 1_024;
/** The approximate bytes of a notification in a pack, without payload and options. */
const ITEM_BYTES = 100;
/** The bytes that one request may become, as each of its clients gets a copy. */
export const MAX_AMPLIFIED_BYTES = 8 << 20;

/** The cost of a refused body, or a refused part of one, in notifications of the publisher's rate. */
export function costOfRefused(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / REFUSED_BYTES));
}

/** Sets the cost of an item of so many bytes, if it is refused. */
export function priced(item: Item, bytes: number): Item {
  if (!item.published) item.cost = costOfRefused(bytes);
  return item;
}

export function costOf(items: readonly Item[]): number {
  let cost = 0;
  for (const item of items) cost += item.cost;
  return cost;
}

/** The approximate bytes of an item in Kafka, for one recipient. */
export function bytesOf({ payload, options }: Item): number {
  return payload.length + ITEM_BYTES + (options === undefined ? 0 : options.length);
}

/** Refuses the items for several clients with which the request would become too large. */
export function refuseAmplified(items: readonly Item[]): void {
  let total = 0;
  for (const item of items) {
    if (item.cost === 1 || !item.published) continue;
    const bytes = bytesOf(item) * item.cost;
    if (total + bytes <= MAX_AMPLIFIED_BYTES) {
      total += bytes;
      continue;
    }
    item.outcome = pointed("too-large", item, "/to/clients", {
      detail: `The request would have ${total + bytes} bytes: each of its clients gets a copy, here of about ${bytesOf(item)} bytes.`,
      expected: `at most ${MAX_AMPLIFIED_BYTES} bytes for all clients of a request`,
      fix: "Send less data, publish to a group, or split the clients into several requests.",
    });
    item.published = undefined;
    item.cost = costOfRefused(item.payload.length);
  }
}
