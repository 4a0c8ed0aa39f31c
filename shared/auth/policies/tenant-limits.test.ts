import { expect, test } from "vitest";
import { Policies } from "./policies.ts";
import { tenantLimits, tenantLimitSettings } from "./tenant-limits.ts";

test("a tenant's row sets its limits, and the settings fill the gaps", () => {
  const policies = new Policies();
  const limitsOf = tenantLimits(policies, tenantLimitSettings.parse({ CLIENT_CONNECTIONS: "7" }));
  expect(limitsOf("acme").clientConnections).toBe(7);
  const row = (limits: object) => policies.apply([{ kind: "tenant", tenant: "acme", id: "", value: { limits } }]);
  row({ clientConnections: 3, publishRate: 5, somethingElse: 1 });
  expect(limitsOf("acme")).toMatchObject({ clientConnections: 3, publishRate: 5, publisherRate: 10_000 });
  expect(limitsOf("acme")).not.toHaveProperty("somethingElse");
  expect(limitsOf("other").clientConnections).toBe(7);
  row({ clientConnections: 4 });
  expect(limitsOf("acme")).toMatchObject({ clientConnections: 4, publishRate: 20_000 });
});

test("a rate of zero gets the smallest bucket, and a limit of zero connections stays zero", () => {
  const policies = new Policies();
  const limitsOf = tenantLimits(policies, tenantLimitSettings.parse({}));
  policies.apply([
    { kind: "tenant", tenant: "acme", id: "", value: { limits: { publishRate: 0, publishBurst: 0, connections: 0 } } },
  ]);
  expect(limitsOf("acme")).toMatchObject({ publishRate: 0.001, publishBurst: 1, connections: 0 });
});
