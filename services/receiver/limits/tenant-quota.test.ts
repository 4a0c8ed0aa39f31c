import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { TenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { beforeEach, expect, test } from "vitest";
import { TenantQuota, type TenantQuotaParts } from "./tenant-quota.ts";

const loud = { tenant: "loud" } as Identity;
const quiet = { tenant: "quiet" } as Identity;
let quota: TenantQuota;
let limited: string[];

beforeEach(() => {
  limited = [];
  quota = new TenantQuota({
    limitsOf: () => ({ requests: 1_000, queuedBytes: 1_000, weight: 1 }) as TenantLimits,
    metrics: { limited: (bound: string) => limited.push(bound) },
    noisyTenants: { took: () => {}, refused: () => {} },
  } as unknown as TenantQuotaParts);
});

test("one tenant's requests leave room for another's: it is refused at its share, before the receiver is full", () => {
  let begun = 0;
  while (!quota.begin(loud, 90 - begun)) begun += 1;
  expect(begun).toBe(80);
  expect(quota.begin(quiet, 90 - begun)).toBeUndefined();
  expect(limited).toEqual(["requests"]);
});

test("one tenant's bytes leave room for another's only request: the first is refused at its share", () => {
  for (let n = 0; n < 3; n += 1) expect(quota.begin(loud, 1_000)).toBeUndefined();
  let held = 0;
  while (!quota.hold(loud, 10, 900 - held)) held += 10;
  expect(held).toBe(800);
  expect(limited).toEqual(["bytes"]);
  quota.begin(quiet, 1_000);
  expect(quota.hold(quiet, 100, 900 - held)).toBeUndefined();
  // A finished request makes room again.
  quota.end(loud, 400);
  expect(quota.hold(loud, 10, 400)).toBeUndefined();
});

test("a tenant's only request may exceed its share: a large one could never be sent otherwise", () => {
  quota.begin(loud, 1_000);
  expect(quota.hold(loud, 900, 900)).toBeUndefined();
  expect(quota.hold(loud, 10, 1)).toBeUndefined();
  expect(limited).toEqual([]);
});
