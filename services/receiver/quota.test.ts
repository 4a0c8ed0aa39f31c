import type { Identity } from "@saasaparilla/shared/identity.ts";
import type { TenantLimits } from "@saasaparilla/shared/tenant-limits.ts";
import { beforeEach, expect, test } from "vitest";
import { Quota, type QuotaParts } from "./quota.ts";

const loud = { tenant: "loud" } as Identity;
const quiet = { tenant: "quiet" } as Identity;
let quota: Quota;
let limited: string[];

beforeEach(() => {
  limited = [];
  quota = new Quota({
    limitsOf: () => ({ requests: 1_000, queuedBytes: 1_000, weight: 1 }) as TenantLimits,
    metrics: { limited: (bound: string) => limited.push(bound) },
  } as unknown as QuotaParts);
});

test("one tenant's requests leave room for another's: it is refused at its share, before the receiver is full", () => {
  let begun = 0;
  while (!quota.begin(loud, 90 - begun)) begun += 1;
  expect(begun).toBe(80);
  expect(quota.begin(quiet, 90 - begun)).toBeUndefined();
  expect(limited).toEqual(["requests"]);
});
