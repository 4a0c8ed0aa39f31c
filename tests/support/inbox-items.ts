import { randomUUID } from "node:crypto";
import type { InboxItem } from "#services/courier/inbox/items.ts";
import { sequenceOf } from "./queue-store.ts";

/** When the items of this test file were appended, ms since 1970. */
export const NOW = Date.now();

/** An item of a client of acme. Each test has its own client. */
export function itemOf(client: string, number: number, more: Partial<InboxItem> = {}): InboxItem {
  return {
    tenant: "acme",
    client: `acme/${client}`,
    sequence: sequenceOf(number),
    appended: NOW,
    id: randomUUID(),
    event: "",
    traceparent: "",
    followed: false,
    ttl: 0,
    options: {},
    data: Buffer.from(JSON.stringify(number)),
    ...more,
  };
}
