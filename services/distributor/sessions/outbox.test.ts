import { expect, test } from "vitest";
import type { TenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { START } from "@saasaparilla/shared/protocol/notification.ts";
import { Outbox } from "./outbox.ts";
import { Shares } from "#admission/tenant-usage.ts";

const item = { sequence: START, json: Buffer.alloc(100) };

function slow(shares: Shares, tenant: string): Outbox {
  const outbox = new Outbox(() => false, 1_000);
  outbox.belongsTo(shares.opened(tenant));
  outbox.shut();
  return outbox;
}

test("what waits for all clients of a tenant is bounded together, and another tenant's is its own", () => {
  const shares = new Shares(() => ({ outboxBytes: 350, connections: 10 }) as TenantLimits);
  const [a, b, other] = [slow(shares, "acme"), slow(shares, "acme"), slow(shares, "other")];
  expect([a.add(item), a.add(item), b.add(item), a.add(item)]).toEqual([true, true, true, false]);
  expect([other.add(item), other.add(item)]).toEqual([true, true]);
  // One that holds nothing takes any item: it would never get it otherwise.
  expect(slow(shares, "acme").add(item)).toBe(true);
  a.drained();
  expect(b.add(item)).toBe(true);
});

test("what a connection leaves behind counts no more", () => {
  const shares = new Shares(() => ({ outboxBytes: 250, connections: 2 }) as TenantLimits);
  const [a, b] = [slow(shares, "acme"), slow(shares, "acme")];
  expect(shares.full("acme")).toBe(true);
  expect([a.add(item), b.add(item), b.add(item)]).toEqual([true, true, false]);
  a.discard();
  shares.closed("acme");
  expect(b.add(item)).toBe(true);
  expect(shares.full("acme")).toBe(false);
});
