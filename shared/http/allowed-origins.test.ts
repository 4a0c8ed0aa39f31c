import { expect, test } from "vitest";
import { Policies } from "#auth/policies/policies.ts";
import { isOrigin } from "./origin.ts";
import { Cors } from "./allowed-origins.ts";

const OURS = "https://app.example";
const SHOP = "https://shop.example";

function followed(): { cors: Cors; policies: Policies } {
  const policies = new Policies();
  const cors = new Cors([OURS, "http://localhost:*"]);
  cors.follow(policies);
  return { cors, policies };
}

const row = (tenant: string, origins?: string[]) => ({
  kind: "tenant",
  tenant,
  id: "",
  value: origins ? { origins } : {},
});

test("a setting's origins count for every tenant, and a document's for its own tenant, once it is read", () => {
  const { cors, policies } = followed();
  expect([cors.knows(SHOP), cors.allows(OURS, "any"), cors.knows(undefined)]).toEqual([false, true, true]);
  policies.apply([row("shop", [SHOP]), row("other")]);
  expect([cors.knows(SHOP), cors.allows(SHOP, "shop"), cors.allows(SHOP, "other")]).toEqual([true, true, false]);
  expect(cors.refusal(SHOP, "other")).toContain("neither in the tenant's document nor in ALLOWED_ORIGINS");
  policies.apply([row("other", [SHOP])]);
  policies.apply([row("shop")]);
  expect([cors.knows(SHOP), cors.allows(SHOP, "shop"), cors.allows(SHOP, "other")]).toEqual([true, false, true]);
  policies.apply([{ ...row("other"), value: null }]);
  expect(cors.knows(SHOP)).toBe(false);
  policies.apply([row("shop", [SHOP])], true);
  expect([...policies.origins]).toEqual([[SHOP, 1]]);
});

test("CORS: an origin of any tenant may send a preflight, and others learn nothing", () => {
  const { cors, policies } = followed();
  policies.apply([row("shop", [SHOP])]);
  expect(cors.preflight(SHOP, ["POST"]).headers).toMatchObject({ "access-control-allow-origin": SHOP });
  expect(cors.preflight("https://evil.example", ["POST"]).headers).toEqual({
    allow: "POST, OPTIONS",
    vary: "origin",
    "x-content-type-options": "nosniff",
  });
});

test("a setting can allow all ports, of this machine only", () => {
  const { cors } = followed();
  for (const origin of ["http://localhost:3000", "http://localhost"]) expect(cors.knows(origin)).toBe(true);
  for (const origin of ["https://localhost:3000", "http://localhost.evil.example", "http://127.0.0.1:3000", "null", ""])
    expect([origin, cors.knows(origin)]).toEqual([origin, false]);
  for (const origin of [OURS, "http://localhost:*", "https://[::1]:*", "http://127.0.0.1:8080"])
    expect(isOrigin(origin)).toBe(true);
  for (const origin of [
    "https://*.example",
    "https://app.example:*",
    "https://app.example/",
    "https://APP.example",
    "null",
    "*",
    "file://",
  ])
    expect([origin, isOrigin(origin)]).toEqual([origin, false]);
});
