import { expect, test } from "vitest";
import { formatNeeded, rowSchemas } from "./schema.ts";

test.for(["", "x", "ftp://a", "http://example.com", "https://"])("an invalid key address is refused: %j", (jwksUrl) => {
  const issuer = { issuer: "i", audience: "a", algorithms: ["ES256"], jwksUrl };
  expect(rowSchemas.issuer.safeParse(issuer).success).toBe(false);
});

test("a valid key address is accepted", () => {
  for (const jwksUrl of ["https://idp.example/jwks", "http://127.0.0.1:8000/jwks"])
    expect(rowSchemas.issuer.safeParse({ issuer: "i", audience: "a", algorithms: ["ES256"], jwksUrl }).success).toBe(
      true,
    );
});

test.for(["", "queue", "queue/", "queue/a b", "topic/x", "queue/*x", "**", "group/{x}", "*/x", "queue/-x"])(
  "an invalid pattern of targets is refused: %j",
  (target) => {
    expect(rowSchemas.grant.safeParse({ role: "consumer", subjects: ["*"], targets: [target] }).success).toBe(false);
  },
);

test.for(["*", "queue/*", "queue/changes", "queue/ch*", "group/team:a", "exchange/orders.v1"])(
  "a valid pattern of targets is accepted: %j",
  (target) => {
    expect(rowSchemas.grant.safeParse({ role: "consumer", subjects: ["*"], targets: [target] }).success).toBe(true);
  },
);

test("rows that an older service does not understand need a newer format", () => {
  const grant = { role: "publisher", subjects: ["*"], clients: ["*"] };
  const key = { scopes: ["publish"], clients: ["*"] };
  for (const [kind, value] of [
    ["grant", grant],
    ["grant", null],
    ["key", key],
    ["tenant", { trust: "scopes" }],
    ["revocation", { before: 1 }],
  ] as const)
    expect([kind, value, formatNeeded(kind, value)]).toEqual([kind, value, 1]);
  for (const [kind, value] of [
    ["grant", { ...grant, targets: ["*"] }],
    ["grant", { ...grant, role: "consumer" }],
    ["grant", { ...grant, clients: [] }],
    ["key", { ...key, scopes: ["read", "consume"] }],
    ["key", { ...key, targets: ["queue/x"] }],
  ] as const)
    expect([kind, value, formatNeeded(kind, value)]).toEqual([kind, value, 2]);
  expect(formatNeeded("tenant", { inbox: { events: [] } })).toBe(3);
  expect(formatNeeded("tenant", null)).toBe(1);
});
