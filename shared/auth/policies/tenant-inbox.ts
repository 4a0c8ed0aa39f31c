import { z } from "zod";
import { ClientPatterns } from "./client-patterns.ts";
import { inboxSetting, MOST_DAYS, MOST_ITEMS } from "./inbox-setting.ts";
import type { Policies } from "./policies.ts";

/** The inbox of every tenant whose row in Postgres has none. */
export const tenantInboxSettings = z.object({
  INBOX_EVENTS: z
    .string()
    .default("")
    .transform((list) => list.split(",").filter((pattern) => pattern !== ""))
    .pipe(inboxSetting.shape.events)
    .meta({
      description:
        "The events that go to the inboxes of tenants, separated by commas: `order.paid`, `order.*`, or `*` for all. Without any, a tenant has inboxes only if its row says so.",
    }),
  INBOX_ITEMS: z.coerce
    .number()
    .int()
    .min(1)
    .max(MOST_ITEMS)
    .default(MOST_ITEMS)
    .meta({ description: "The newest notifications that an inbox shows." }),
  INBOX_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(MOST_DAYS)
    .default(MOST_DAYS)
    .meta({ description: "The age in days up to which an inbox shows a notification." }),
});

export interface TenantInbox {
  /** As they were written. */
  events: readonly string[];
  /** `event`: "" for none. */
  takes(event: string): boolean;
  items: number;
  days: number;
}

/** Undefined: the tenant has no inbox. */
export type InboxOf = (tenant: string) => TenantInbox | undefined;

/** The inbox of a tenant, from its current row or else from the settings. A tenant that is not known has none. */
export function tenantInboxes(
  policies: Pick<Policies, "tenant">,
  { INBOX_EVENTS, INBOX_ITEMS, INBOX_DAYS }: z.output<typeof tenantInboxSettings>,
): InboxOf {
  const inboxOf = (events: readonly string[], items = INBOX_ITEMS, days = INBOX_DAYS): TenantInbox | undefined => {
    if (events.length === 0) return undefined;
    const patterns = new ClientPatterns(events);
    return { events, takes: (event) => patterns.has(event), items, days };
  };
  const usual = inboxOf(INBOX_EVENTS);
  // Asked for every notification. A changed row is a new object.
  const known = new WeakMap<object, TenantInbox | "none">();
  return (tenant) => {
    const row = policies.tenant(tenant)?.row;
    if (row === undefined) return undefined;
    if (row.inbox === undefined) return usual;
    let inbox = known.get(row.inbox);
    if (inbox === undefined) {
      inbox = inboxOf(row.inbox.events, row.inbox.items, row.inbox.days) ?? "none";
      known.set(row.inbox, inbox);
    }
    return inbox === "none" ? undefined : inbox;
  };
}
