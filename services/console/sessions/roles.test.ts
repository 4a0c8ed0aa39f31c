import { expect, test } from "vitest";
import { identityOf, roleMapping, valuesOf } from "./roles.ts";

const mapping = roleMapping.parse(
  JSON.stringify({
    acme: { tenant: "acme", scopes: ["operate"] },
    "acme-read": { tenant: "acme", scopes: ["read"] },
    other: { tenant: "other", scopes: ["operate"] },
    support: { tenant: "*", scopes: ["read"] },
  }),
);
const who = { subject: "ada", issued: 1, expires: 2 };

test("the roles claim may be a text, a list, nested, or a URL", () => {
  expect(valuesOf({ roles: "a" }, "roles")).toEqual(["a"]);
  expect(valuesOf({ realm: { roles: ["a", 1, "b"] } }, "realm.roles")).toEqual(["a", "b"]);
  expect(valuesOf({ "https://example.com/roles": ["a"] }, "https://example.com/roles")).toEqual(["a"]);
  expect(valuesOf({}, "constructor.name")).toEqual([]);
});

test("without a known role there is no caller", () => {
  expect(identityOf([], mapping, who)).toBeUndefined();
  expect(identityOf(["admin", "__proto__", "toString"], mapping, who)).toBeUndefined();
});

test("rights of two tenants are never added up", () => {
  expect(identityOf(["other", "acme", "acme-read"], mapping, who)).toMatchObject({
    tenant: "acme",
    scopes: new Set(["operate", "read"]),
    source: { kind: "console", platform: false },
  });
});

test("a role of the platform does not take the scopes of a tenant's role along", () => {
  expect(identityOf(["acme", "support"], mapping, who)).toMatchObject({
    scopes: new Set(["read"]),
    source: { kind: "console", platform: true },
  });
});

test.each(["x", '{"a": {"tenant": "a b", "scopes": ["read"]}}', '{"a": {"tenant": "*", "scopes": ["publish"]}}'])(
  "a mapping %s is refused",
  (text) => expect(roleMapping.safeParse(text).success).toBe(false),
);
