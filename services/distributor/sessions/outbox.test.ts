import { expect, test } from "vitest";
import type { TenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { START } from "@saasaparilla/shared/protocol/notification.ts";
import { Outbox } from "./outbox.ts";
import { TenantUsage } from "#admission/tenant-usage.ts";

const item = { sequence: START, json: Buffer.alloc(100) };

function slow(usage: TenantUsage, tenant: string): Outbox {
  const outbox = new Outbox(() => false, 1_000);
  outbox.belongsTo(usage.opened(tenant));
  outbox.shut();
  return outbox;
}

test("all clients of a tenant share one outbox limit, separate from another tenant's", () => {
  const usage = new TenantUsage(() => ({ outboxBytes: 350, connections: 10 }) as TenantLimits);
  const [a, b, other] = [slow(usage, "acme"), slow(usage, "acme"), slow(usage, "other")];
  expect([a.add(item), a.add(item), b.add(item), a.add(item)]).toEqual([true, true, true, false]);
  expect([other.add(item), other.add(item)]).toEqual([true, true]);
  // An empty outbox takes any item: otherwise that item could never be sent.
  expect(slow(usage, "acme").add(item)).toBe(true);
  a.drained();
  expect(b.add(item)).toBe(true);
});

test("the outbox of a closed connection no longer counts", () => {
  const usage = new TenantUsage(() => ({ outboxBytes: 250, connections: 2 }) as TenantLimits);
  const [a, b] = [slow(usage, "acme"), slow(usage, "acme")];
  expect(usage.full("acme")).toBe(true);
  expect([a.add(item), b.add(item), b.add(item)]).toEqual([true, true, false]);
  a.discard();
  usage.closed("acme");
  expect(b.add(item)).toBe(true);
  expect(usage.full("acme")).toBe(false);
});

test("a followed item says whether the sink took it, and an expired one says nothing", () => {
  const said: string[] = [];
  const named = (name: string, late?: () => boolean) => ({
    ...item,
    end: (taken: boolean) => void said.push(`${name} ${taken ? "taken" : "dropped"}`),
    ...(late && { late }),
  });
  const outbox = new Outbox(() => true, 10_000);
  outbox.add(named("first"));
  outbox.add(item);
  outbox.add(named("expired", () => true));
  expect(said).toEqual([]);
  outbox.flush();
  expect(said).toEqual(["first taken"]);
  outbox.add(named("alone", () => true));
  outbox.flush();
  outbox.add(named("left"));
  outbox.discard();
  outbox.add(item);
  outbox.discard();
  expect(said).toEqual(["first taken", "left dropped"]);
});
