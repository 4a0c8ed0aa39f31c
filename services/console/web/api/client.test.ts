import { expect, test } from "vitest";
import { addressOf, tenantPath } from "./client.ts";

test("parts of a path are encoded, so that a name cannot reach another route", () => {
  expect(tenantPath("acme", "clients", "../../x?y#z")).toBe("/v1/tenants/acme/clients/..%2F..%2Fx%3Fy%23z");
});

test("empty filters are left out of an address", () => {
  expect(addressOf("/v1/audit", { tenant: "a b", before: undefined, subject: "", limit: 5 })).toBe(
    "/v1/audit?tenant=a+b&limit=5",
  );
  expect(addressOf("/v1/audit", {})).toBe("/v1/audit");
});
