import { expect, test } from "vitest";
import { Access } from "#auth/policies/policies.ts";
import { isOrigin } from "./origin.ts";
import { Origins } from "./cors.ts";

const OURS = "https://app.example";
const SHOP = "https://shop.example";

function followed(): { origins: Origins; access: Access } {
  const access = new Access();
  const origins = new Origins([OURS, "http://localhost:*"]);
  origins.follow(access);
  return { origins, access };
}

const row = (tenant: string, origins?: string[]) => ({
  kind: "tenant",
  tenant,
  id: "",
  value: origins ? { origins } : {},
});

test("a setting's origins count for every tenant, and a document's for its own tenant, as soon as it is read", () => {
  const { origins, access } = followed();
  expect([origins.knows(SHOP), origins.allows(OURS, "any"), origins.knows(undefined)]).toEqual([false, true, true]);
  access.apply([row("shop", [SHOP]), row("other")]);
  expect([origins.knows(SHOP), origins.allows(SHOP, "shop"), origins.allows(SHOP, "other")]).toEqual([
    true,
    true,
    false,
  ]);
  expect(origins.refusal(SHOP, "other")).toContain("neither in the tenant's document nor in ALLOWED_ORIGINS");
  access.apply([row("other", [SHOP])]);
  access.apply([row("shop")]);
  expect([origins.knows(SHOP), origins.allows(SHOP, "shop"), origins.allows(SHOP, "other")]).toEqual([
    true,
    false,
    true,
  ]);
  access.apply([{ ...row("other"), value: null }]);
  expect(origins.knows(SHOP)).toBe(false);
  access.apply([row("shop", [SHOP])], true);
  expect([...access.origins]).toEqual([[SHOP, 1]]);
});

test("CORS: an origin of any tenant may send a preflight, and others learn nothing", () => {
  const { origins, access } = followed();
  access.apply([row("shop", [SHOP])]);
  expect(origins.preflight(SHOP, ["POST"]).headers).toMatchObject({ "access-control-allow-origin": SHOP });
  expect(origins.preflight("https://evil.example", ["POST"]).headers).toEqual({
    allow: "POST, OPTIONS",
    vary: "origin",
    "x-content-type-options": "nosniff",
  });
});

test("any port of this machine, and only of this machine, can be allowed at once", () => {
  const { origins } = followed();
  for (const origin of ["http://localhost:3000", "http://localhost"]) expect(origins.knows(origin)).toBe(true);
  for (const origin of ["https://localhost:3000", "http://localhost.evil.example", "http://127.0.0.1:3000", "null", ""])
    expect([origin, origins.knows(origin)]).toEqual([origin, false]);
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
