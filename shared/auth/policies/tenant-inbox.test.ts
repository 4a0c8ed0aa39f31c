import { expect, test } from "vitest";
import type { Row } from "#postgres/row-store.ts";
import { Policies } from "./policies.ts";
import { tenantRow } from "./schema.ts";
import { tenantInboxes, tenantInboxSettings } from "./tenant-inbox.ts";

const rowOf = (tenant: string, value: unknown): Row => ({ kind: "tenant", tenant, id: "", value });

function inboxesWith(settings: Record<string, string>, ...rows: Row[]) {
  const policies = new Policies();
  policies.apply(rows);
  return { policies, inboxOf: tenantInboxes(policies, tenantInboxSettings.parse(settings)) };
}

test("a tenant has an inbox if its row or the settings say so, and one that is not known has none", () => {
  const rows = [
    rowOf("plain", {}),
    rowOf("own", { inbox: { events: ["order.*", "hello"], items: 7 } }),
    rowOf("off", { inbox: { events: [] } }),
  ];
  const { inboxOf } = inboxesWith({}, ...rows);
  expect(inboxOf("plain")).toBeUndefined();
  expect(inboxOf("own")).toMatchObject({ events: ["order.*", "hello"], items: 7, days: 30 });
  const all = inboxesWith({ INBOX_EVENTS: "*", INBOX_ITEMS: "9", INBOX_DAYS: "3" }, ...rows).inboxOf;
  expect(all("plain")).toMatchObject({ events: ["*"], items: 9, days: 3 });
  expect(all("own")).toMatchObject({ items: 7, days: 3 });
  expect([all("off"), all("unknown")]).toEqual([undefined, undefined]);
});

test.each([
  ["*", ["", "order", "orders.x", "order.paid", "order.paid.late"]],
  ["order.*", ["order.paid", "order.paid.late"]],
  ["order", ["order"]],
])("the pattern %s takes its events", (pattern, taken) => {
  const { inboxOf } = inboxesWith({ INBOX_EVENTS: pattern }, rowOf("acme", {}));
  const events = ["", "order", "orders.x", "order.paid", "order.paid.late"];
  expect(events.filter((event) => inboxOf("acme")!.takes(event))).toEqual(taken);
});

test("a changed row counts at once, and a deleted one no more", () => {
  const { policies, inboxOf } = inboxesWith({}, rowOf("acme", { inbox: { events: ["*"] } }));
  expect(inboxOf("acme")?.items).toBe(500);
  policies.apply([rowOf("acme", { inbox: { events: ["*"], items: 3 } })]);
  expect(inboxOf("acme")?.items).toBe(3);
  policies.apply([rowOf("acme", null)]);
  expect(inboxOf("acme")).toBeUndefined();
});

test.each([
  { events: ["a*"] },
  { events: [".*"] },
  { events: ["a b"] },
  { events: ["*"], items: 0 },
  { events: ["*"], items: 501 },
  { events: ["*"], days: 31 },
  { events: ["*"], other: 1 },
  { events: Array.from({ length: 51 }, (_, index) => `e${index}`) },
  {},
])("the setting %j is refused", (inbox) => {
  expect(tenantRow.safeParse({ inbox }).success).toBe(false);
});

test.each([{ INBOX_EVENTS: "a*" }, { INBOX_ITEMS: "501" }, { INBOX_DAYS: "0" }])("%j is refused", (settings) => {
  expect(tenantInboxSettings.safeParse(settings).success).toBe(false);
});
