import { expect, test } from "vitest";
import type { Scope } from "./schema.ts";
import type { Row } from "#postgres/row-store.ts";
import { Policies } from "./policies.ts";
import { CHECKS, clientsOf, explain, refusal, targetsOf, type Question } from "./authorize.ts";
import type { Identity, Source } from "#auth/identity.ts";

const NOW = 1_800_000_000;
const key = { hash: "0".repeat(64), name: "shop", scopes: ["publish"], clients: ["u1", "shop-*"], created: NOW - 10 };
const jwks = { keys: [{ kty: "OKP", kid: "1", crv: "Ed25519", x: "x" }] };
const ROWS: Row[] = [
  { kind: "tenant", tenant: "open", id: "", value: { trust: "scopes" } },
  { kind: "tenant", tenant: "strict", id: "", value: {} },
  { kind: "grant", tenant: "strict", id: "app", value: { role: "subscriber", subjects: ["u*"], clients: ["u1*"] } },
  { kind: "grant", tenant: "strict", id: "shop", value: { role: "publisher", subjects: ["shop"], clients: ["u1"] } },
  { kind: "grant", tenant: "strict", id: "rest", value: { role: "publisher", subjects: ["s*"], clients: ["v*"] } },
  { kind: "key", tenant: "open", id: "k1", value: { ...key, expires: null } },
  {
    kind: "issuer",
    tenant: "open",
    id: "own",
    value: { issuer: "https://own", audience: "n", algorithms: ["EdDSA"], jwks },
  },
];

function accessOf(...more: Row[]): Policies {
  const policies = new Policies();
  policies.apply([...ROWS, ...more]);
  return policies;
}

const grant = (tenant: string, id: string, value: object): Row => ({ kind: "grant", tenant, id, value });

const PLATFORM: Source = { kind: "platform" };

function identity(tenant: string, subject: string, scopes: string, source: Source = PLATFORM): Identity {
  return { tenant, subject, scopes: new Set(scopes.split(" ")), expires: NOW + 60, issued: NOW - 5, source };
}

function why(policies: Policies, who: Identity, scope: Scope, more: Partial<Question> = {}): string | undefined {
  return refusal(policies, {
    identity: who,
    scope,
    now: NOW,
    ...(scope === "subscribe" && { client: who.subject }),
    ...more,
  });
}

test("a token with trusted scopes has only their rights", () => {
  const policies = accessOf();
  expect(why(policies, identity("open", "u1", "subscribe"), "subscribe")).toBeUndefined();
  expect(why(policies, identity("open", "u1", "subscribe"), "publish")).toMatch("does not allow");
  expect(clientsOf(policies, identity("open", "u1", "publish"))).toBeUndefined();
});

test("required grants give rights by subject and client", () => {
  const policies = accessOf();
  expect(why(policies, identity("strict", "u12", "subscribe"), "subscribe")).toBeUndefined();
  expect(why(policies, identity("strict", "u2", "subscribe"), "subscribe")).toMatch("none of its client patterns");
  expect(why(policies, identity("strict", "v1", "subscribe"), "subscribe")).toMatch("no grant");
  const shop = identity("strict", "shop", "publish");
  // A client of either grant.
  for (const client of ["u1", "v", "v9"]) expect(why(policies, shop, "publish", { client })).toBeUndefined();
  expect(why(policies, shop, "publish", { client: "u2" })).toMatch("none of its client patterns");
  expect(clientsOf(policies, shop)?.has("u2")).toBe(false);
});

test("an unknown or suspended tenant, or one with an unreadable row, has no rights", () => {
  const who = identity("open", "u1", "subscribe publish operate read");
  const own: Source = { kind: "issuer", name: "https://own" };
  const rows: [string, Row[], string][] = [
    ["unknown", [{ kind: "tenant", tenant: "open", id: "", value: null }], "no such tenant"],
    [
      "suspended",
      [{ kind: "tenant", tenant: "open", id: "", value: { state: "suspended", trust: "scopes" } }],
      "suspended",
    ],
    ["strange", [{ kind: "revocation", tenant: "open", id: "u1", value: { until: 1 } }], "not understood"],
    ["new kind", [{ kind: "embargo", tenant: "open", id: "x", value: {} }], "not understood"],
  ];
  for (const [, more, reason] of rows) {
    const policies = accessOf(...more);
    for (const scope of ["subscribe", "publish"] as const) expect(why(policies, who, scope)).toMatch(reason);
    for (const scope of ["operate", "read"] as const)
      expect(why(policies, { ...who, source: own }, scope)).toMatch(reason);
    // The platform's operators can repair it.
    expect(why(policies, who, "operate", { tenant: "strict" })).toBeUndefined();
  }
  const mended = accessOf(
    { kind: "revocation", tenant: "open", id: "u1", value: { until: 1 } },
    { kind: "revocation", tenant: "open", id: "u1", value: null },
  );
  expect(why(mended, who, "subscribe")).toBeUndefined();
});

test("an unreadable grant or key gives nothing, and the rest of its tenant goes on", () => {
  const later = { role: "conductor", subjects: ["*"] };
  const policies = accessOf(
    { kind: "grant", tenant: "strict", id: "later", value: later },
    { kind: "grant", tenant: "strict", id: "app", value: { role: "subscriber", subjects: ["u*"], hours: [8, 17] } },
    { kind: "key", tenant: "open", id: "k1", value: { ...key, expires: null, region: "eu" } },
  );
  expect(policies.unknown).toBe(3);
  expect(why(policies, identity("strict", "shop", "publish"), "publish", { client: "u1" })).toBeUndefined();
  expect(why(policies, identity("strict", "u12", "subscribe"), "subscribe")).toMatch("no grant");
  const byKey = identity("open", "key:k1", "publish", { kind: "key", id: "k1" });
  expect(why(policies, byKey, "publish")).toMatch("deleted");
  expect(why(policies, identity("open", "x", "publish"), "publish")).toBeUndefined();
  policies.apply([{ kind: "grant", tenant: "strict", id: "later", value: null }]);
  expect(policies.unknown).toBe(2);
  policies.apply(ROWS, true);
  expect(policies.unknown).toBe(0);
});

const TARGETS = ["queue/changes", "queue/other", "group/team-a", "exchange/orders"] as const;
const named = (policies: Policies, who: Identity, scope: "publish" | "consume"): string[] =>
  TARGETS.filter((target) => targetsOf(policies, who, scope)?.has(target));

test("grants, keys and trusted scopes of before name no target", () => {
  const policies = accessOf();
  const callers = [
    identity("open", "x", "publish consume"),
    identity("strict", "shop", "publish consume"),
    identity("open", "key:k1", "publish consume", { kind: "key", id: "k1" }),
    identity("open", "u1", "publish consume", { kind: "issuer", name: "https://own" }),
  ];
  for (const who of callers)
    for (const scope of ["publish", "consume"] as const) {
      expect(targetsOf(policies, who, scope)).toBeUndefined();
      for (const target of TARGETS.slice(0, 2)) expect(why(policies, who, scope, { target })).toBeDefined();
    }
});

test("targets come from a grant of the scope and subject, also if the tenant trusts scopes, or from the key", () => {
  const rows: Row[] = ["open", "strict"].flatMap((tenant) => [
    grant(tenant, "q", { role: "consumer", subjects: ["feed"], targets: ["queue/ch*"] }),
    grant(tenant, "g", { role: "publisher", subjects: ["s*"], targets: ["group/*"] }),
    grant(tenant, "e", { role: "publisher", subjects: ["shop"], clients: [], targets: ["exchange/orders"] }),
    grant(tenant, "a", { role: "publisher", subjects: ["all"], targets: ["*"] }),
  ]);
  const policies = accessOf(...rows, {
    kind: "key",
    tenant: "open",
    id: "k2",
    value: { ...key, scopes: ["publish", "consume"], targets: ["queue/other"], expires: null },
  });
  for (const tenant of ["open", "strict"]) {
    const feed = identity(tenant, "feed", "consume");
    const shop = identity(tenant, "shop", "publish");
    expect(named(policies, feed, "consume")).toEqual(["queue/changes"]);
    expect(named(policies, feed, "publish")).toEqual([]);
    expect(named(policies, shop, "publish")).toEqual(["group/team-a", "exchange/orders"]);
    expect(named(policies, identity(tenant, "all", "publish"), "publish")).toEqual([...TARGETS]);
    expect(why(policies, feed, "consume", { target: "queue/changes" })).toBeUndefined();
    expect(why(policies, feed, "consume", { target: "queue/other" })).toMatch("none of its target patterns");
    expect(why(policies, shop, "publish", { target: "group/team-a" })).toBeUndefined();
    expect(why(policies, shop, "consume", { target: "queue/changes" })).toMatch("does not allow");
  }
  const byKey = identity("open", "key:k2", "publish consume", { kind: "key", id: "k2" });
  expect(named(policies, byKey, "publish")).toEqual(["queue/other"]);
  expect(named(policies, byKey, "consume")).toEqual(["queue/other"]);
});

test("a grant with empty clients names no client", () => {
  const policies = accessOf(
    grant("strict", "q", { role: "publisher", subjects: ["mail"], clients: [], targets: ["queue/changes"] }),
  );
  const mail = identity("strict", "mail", "publish");
  expect(clientsOf(policies, mail)?.has("u1")).toBe(false);
  expect(why(policies, mail, "publish", { client: "u1" })).toMatch("none of its client patterns");
  expect(why(policies, mail, "publish", { target: "queue/changes" })).toBeUndefined();
});

test("queues of actions and endpoints take no direct publish, whatever the grant", () => {
  const policies = accessOf(
    grant("open", "a", {
      role: "publisher",
      subjects: ["all"],
      targets: ["*", "queue/action.pay", "queue/endpoint.x"],
    }),
    grant("open", "c", { role: "consumer", subjects: ["all"], targets: ["*"] }),
  );
  const all = identity("open", "all", "publish consume");
  for (const target of ["queue/action.pay", "queue/endpoint.x"]) {
    expect(targetsOf(policies, all, "publish")?.has(target)).toBe(false);
    expect(why(policies, all, "publish", { target })).toMatch("only the platform");
  }
  for (const target of ["queue/action", "queue/actions.pay", "group/action.pay"])
    expect(targetsOf(policies, all, "publish")?.has(target)).toBe(true);
});

test("consumers name queues only, subscribers and auditors no target, and operators need no grant for one", () => {
  const policies = accessOf(grant("open", "c", { role: "consumer", subjects: ["*"], targets: ["*"] }));
  const who = identity("open", "x", "consume subscribe read operate");
  expect(why(policies, who, "consume", { target: "queue/changes" })).toBeUndefined();
  expect(why(policies, who, "consume", { target: "group/team-a" })).toMatch("only queues");
  for (const scope of ["subscribe", "read"] as const)
    expect(why(policies, who, scope, { target: "queue/changes" })).toMatch("needs no target");
  expect(why(policies, who, "operate", { target: "group/team-a", tenant: "open" })).toBeUndefined();
});

test("a revoked subject, tenant, issuer or key is no longer accepted", () => {
  const revoked = (id: string, before: number): Row => ({
    kind: "revocation",
    tenant: "open",
    id,
    value: { before },
  });
  const u1 = identity("open", "u1", "subscribe");
  expect(why(accessOf(revoked("u1", NOW - 6)), u1, "subscribe")).toBeUndefined();
  expect(why(accessOf(revoked("u1", NOW - 5)), u1, "subscribe")).toMatch("revoked");
  expect(why(accessOf(revoked("u2", NOW)), u1, "subscribe")).toBeUndefined();
  expect(why(accessOf(revoked("*", NOW)), u1, "subscribe")).toMatch("revoked");
  const byKey = { ...identity("open", "key:k1", "publish", { kind: "key", id: "k1" }), issued: NOW - 10 };
  expect(why(accessOf(), byKey, "publish", { client: "shop-1" })).toBeUndefined();
  expect(why(accessOf(), byKey, "publish", { client: "u2" })).toMatch("none of its client patterns");
  expect(why(accessOf(revoked("*", NOW)), byKey, "publish")).toMatch("revoked");
  expect(why(accessOf({ kind: "key", tenant: "open", id: "k1", value: null }), byKey, "publish")).toMatch("deleted");
  const byIssuer = identity("open", "u1", "subscribe", { kind: "issuer", name: "https://own" });
  expect(why(accessOf(), byIssuer, "subscribe")).toBeUndefined();
  expect(why(accessOf({ kind: "issuer", tenant: "open", id: "own", value: null }), byIssuer, "subscribe")).toMatch(
    "deleted",
  );
});

test("a tenant's revocations stop its own operators, and none of the platform's that name it", () => {
  const policies = accessOf({ kind: "revocation", tenant: "open", id: "*", value: { before: NOW } });
  const own: Source = { kind: "issuer", name: "https://own" };
  for (const scope of ["operate", "read"] as const) {
    expect(why(policies, identity("open", "root", "operate"), scope, { tenant: "strict" })).toBeUndefined();
    expect(why(policies, identity("open", "ann", "operate", own), scope, { tenant: "open" })).toMatch("revoked");
  }
  expect(why(policies, identity("open", "root", "operate publish"), "publish")).toMatch("revoked");
});

test("a tenant's own operators reach that tenant, and the platform's operators reach any", () => {
  const policies = accessOf();
  const own = identity("open", "ann", "operate read", { kind: "issuer", name: "https://own" });
  expect(why(policies, own, "operate", { tenant: "open" })).toBeUndefined();
  expect(why(policies, own, "read", { tenant: "strict" })).toMatch("another tenant");
  expect(why(policies, own, "operate", { tenant: "" })).toMatch("another tenant");
  expect(why(policies, identity("nowhere", "op", "operate"), "operate", { tenant: "strict" })).toBeUndefined();
  expect(why(policies, identity("nowhere", "op", "operate"), "publish", { tenant: "strict" })).toBeDefined();
});

test("an explanation matches the decision, check by check", () => {
  const policies = accessOf();
  for (const who of [identity("strict", "shop", "publish"), identity("none", "x", "read")])
    for (const about of [{ client: "u1" }, { client: "u2" }, { target: "queue/changes" }]) {
      const question = { identity: who, scope: "publish", now: NOW, ...about } as const;
      const steps = explain(policies, question);
      expect(steps.map(({ check }) => check)).toEqual(Object.keys(CHECKS));
      expect(steps.find(({ holds }) => !holds)?.why).toBe(refusal(policies, question));
    }
});

test("a renamed issuer frees its old name", () => {
  const policies = accessOf({
    kind: "issuer",
    tenant: "open",
    id: "own",
    value: { issuer: "https://new", audience: "n", algorithms: ["EdDSA"], jwks },
  });
  expect([policies.issuer("https://own"), policies.issuer("https://new")?.tenant]).toEqual([undefined, "open"]);
});

test("an issuer's name that moves to another row belongs to that row, in any order of reads", () => {
  const named = (issuer: string) => ({ issuer, audience: "n", algorithms: ["EdDSA"], jwks });
  const policies = accessOf(
    { kind: "issuer", tenant: "strict", id: "its", value: named("https://own") },
    { kind: "issuer", tenant: "open", id: "own", value: named("https://new") },
  );
  expect([policies.issuer("https://own")?.tenant, policies.issuer("https://new")?.tenant]).toEqual(["strict", "open"]);
});
