import { expect, test } from "vitest";
import { Policies } from "#auth/policies/policies.ts";
import { KeyedLimiter } from "#rate-limits/keyed-limiter.ts";
import type { Attempt } from "./audit-log.ts";
import { Checks } from "./signature-checks.ts";
import { Failure } from "#runtime/errors.ts";
import { Guard } from "./guard.ts";
import type { Authenticator } from "./authenticator.ts";
import { Refused, TurnedAway, type Asker, type Identity } from "./identity.ts";
import { createLog } from "#runtime/log.ts";
import { Cors } from "#http/allowed-origins.ts";
import { Networks } from "#http/networks.ts";
import type { Scope } from "#auth/policies/schema.ts";

const asked = { method: "get", route: "/v1/poll", path: "/v1/poll", address: "127.0.0.1" };

function guardThat(
  fails: () => Error,
  burst = 100,
): { guard: Guard; noted: Attempt[]; logged: string[]; unknown: () => number } {
  let unknown = 0;
  const noted: Attempt[] = [];
  const logged: string[] = [];
  const log = createLog("test", "silent");
  log.error = (_: unknown, text?: string) => void logged.push(text ?? "");
  log.warn = (line: unknown) => void logged.push(JSON.stringify(line));
  const authenticator = {
    authorize() {
      throw fails();
    },
    claimedTenant: (claims: Record<string, unknown> | undefined) => claims?.tenant,
  } as unknown as Authenticator;
  const strangers = new KeyedLimiter({ rate: 0.001, burst });
  return {
    guard: new Guard({
      authenticator,
      audit: { note: (attempt) => noted.push(attempt) },
      cors: new Cors([]),
      strangers,
      checks: new Checks(100),
      overLimit: () => undefined,
      keyUnknown: () => void (unknown += 1),
      log,
    }),
    noted,
    logged,
    unknown: () => unknown,
  };
}

test("unavailable policies refuse no caller: no attempt is recorded, and the log says it once", () => {
  const { guard, noted, logged } = guardThat(() => new Failure("retry", "The policies are not loaded yet."));
  for (let time = 0; time < 50; time += 1) expect(() => guard.pass("t", "subscribe", asked)).toThrow("not loaded yet");
  expect(noted).toEqual([]);
  expect(logged).toEqual(["tokens cannot be checked"]);
});

test("a token of an unknown key is counted, not refused or logged", () => {
  const { guard, noted, logged, unknown } = guardThat(() => new Failure("retry", "unknown", { retryAfter: 20 }));
  for (let time = 0; time < 3; time += 1) expect(() => guard.pass("t", "subscribe", asked)).toThrow("unknown");
  expect([noted, logged, unknown()]).toEqual([[], [], 3]);
});

test("each refused caller is recorded", () => {
  const { guard, noted } = guardThat(() => new Refused("no token was sent"));
  for (let time = 0; time < 3; time += 1) expect(() => guard.pass(undefined, "subscribe", asked)).toThrow(Refused);
  expect(noted.map(({ allowed, why }) => `${allowed} ${why}`)).toEqual(Array(3).fill("false no token was sent"));
});

test("a refusal's log line has no control character of a stranger's; the audit log has the original text", () => {
  const { guard, noted, logged } = guardThat(() => new Refused("no"));
  const sub = "x\u009b31m\u202e";
  const token = `e30.${Buffer.from(JSON.stringify({ tenant: "acme", sub })).toString("base64url")}.x`;
  expect(() => guard.pass(token, "subscribe", asked)).toThrow(Refused);
  expect(noted).toMatchObject([{ subject: sub, tenant: "acme" }]);
  expect(logged).toHaveLength(1);
  expect(logged[0]).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});

const PAGE = "https://page.example";

test("a page is refused for a tenant without its origin, and served if no tenant has the origin", () => {
  const policies = new Policies();
  policies.apply([{ kind: "tenant", tenant: "shop", id: "", value: { origins: [PAGE] } }]);
  const cors = new Cors([]);
  cors.follow(policies);
  const identity = (tenant: string) => ({ tenant, subject: "u1", source: { kind: "platform" } });
  const passes = (tenant: string, origin: string): boolean => {
    const authenticator = {
      authorize: () => identity(tenant),
      claimedTenant: () => undefined,
    } as unknown as Authenticator;
    const strangers = new KeyedLimiter({ rate: 1, burst: 100 });
    const log = createLog("test", "silent");
    const guard = new Guard({
      authenticator,
      audit: { note: () => {} },
      cors,
      strangers,
      checks: new Checks(100),
      overLimit: () => {},
      keyUnknown: () => {},
      log,
    });
    try {
      return guard.pass("t", "subscribe", { ...asked, headers: { origin } }) !== undefined;
    } catch (error) {
      if (error instanceof Refused) return false;
      throw error;
    }
  };
  expect([passes("shop", PAGE), passes("other", PAGE), passes("other", "https://unknown.example")]).toEqual([
    true,
    false,
    true,
  ]);
});

test("a look-up is counted before it is made, so concurrent ones cannot exceed the allowed refusals", async () => {
  const { guard, noted } = guardThat(() => new Refused("never asked"), 3);
  let lookUps = 0;
  const find = async (): Promise<undefined> => {
    lookUps += 1;
    await Promise.resolve();
  };
  const answers = await Promise.allSettled(Array.from({ length: 10 }, () => guard.redeem(find, "subscribe", asked)));
  expect(lookUps).toBe(3);
  const reasons = answers.map((answer) => (answer.status === "rejected" ? (answer.reason as Error).name : "allowed"));
  expect(reasons.filter((name) => name === "TurnedAway")).toHaveLength(7);
  expect(noted).toHaveLength(10);
});

test("a look-up that succeeds or errors does not count as a refusal", async () => {
  const { guard } = guardThat(() => new Failure("retry", "the token reached its check"), 3);
  for (let time = 0; time < 10; time += 1) {
    const found = guard.redeem(() => Promise.resolve("token"), "subscribe", asked);
    await expect(found).rejects.toThrow("the token reached its check");
    const away = guard.redeem(() => Promise.reject(new Error("Redis is away")), "subscribe", asked);
    await expect(away).rejects.toThrow("Redis is away");
  }
});

/**
 * An address over its refusal rate from the start, with the given number of checks. Tokens: "known", "new" and
 * "forged"; the last two need a check.
 */
function overLimit(checks: number): { ask: (token: string) => string; noted: Attempt[]; outcomes: string[] } {
  const noted: Attempt[] = [];
  const outcomes: string[] = [];
  const strangers = new KeyedLimiter({ rate: 0.001, burst: 1 });
  strangers.late("127.0.0.1", performance.now());
  const identity = { tenant: "acme", subject: "u1", source: { kind: "platform" } };
  const authenticator = {
    authorize(token: string, _: string, __: string, { mayCheck }: Asker) {
      if (token === "malformed") throw new Refused("it is not a token");
      if (token !== "known") mayCheck!();
      if (token === "forged") throw new Refused("the signature is wrong");
      return identity;
    },
    claimedTenant: () => undefined,
  } as unknown as Authenticator;
  const guard = new Guard({
    authenticator,
    audit: { note: (attempt) => noted.push(attempt) },
    cors: new Cors([]),
    strangers,
    checks: new Checks(checks),
    overLimit: (outcome) => void outcomes.push(outcome),
    keyUnknown: () => {},
    log: createLog("test", "silent"),
  });
  const ask = (token: string): string => {
    try {
      return guard.pass(token, "publish", asked) === identity ? "passed" : "another";
    } catch (error) {
      return (error as Error).name;
    }
  };
  return { ask, noted, outcomes };
}

test("an address over its refusal rate has few failed signature checks; a good token costs none of them", () => {
  const { ask, noted, outcomes } = overLimit(0.001);
  for (let times = 0; times < 5; times += 1) expect([ask("new"), ask("malformed")]).toEqual(["passed", "TurnedAway"]);
  expect([ask("forged"), ask("new"), ask("known"), ask("forged")]).toEqual([
    "TurnedAway",
    "TurnedAway",
    "passed",
    "TurnedAway",
  ]);
  expect(outcomes.filter((outcome) => outcome === "passed")).toHaveLength(6);
  expect(noted.filter(({ allowed }) => !allowed)).toHaveLength(8);
});

test("all addresses together have ten times the checks of one", () => {
  const checks = new Checks(2);
  const taken = (network: string): number =>
    Array.from({ length: 5 }, () => checks.take(network, 0)).filter(Boolean).length;
  expect(taken("a")).toBe(2);
  expect(Array.from({ length: 30 }, (_, n) => taken(`n${n}`)).reduce((all, one) => all + one, 0)).toBe(18);
  expect(checks.take("z", 1_000)).toBe(true);
});

test("operators outside OPERATOR_NETWORKS are refused and recorded, with what their token claims", () => {
  const noted: Attempt[] = [];
  const identity: Identity = {
    tenant: "acme",
    subject: "ann",
    scopes: new Set(["operate", "read", "publish"]),
    expires: Infinity,
    issued: 0,
    source: { kind: "platform" },
  };
  let checked = 0;
  const guard = new Guard({
    authenticator: {
      authorize() {
        checked += 1;
        return identity;
      },
      claimedTenant: (claims: Record<string, unknown> | undefined) => claims?.tenant,
    } as unknown as Authenticator,
    audit: { note: (attempt) => noted.push(attempt) },
    cors: new Cors([]),
    strangers: new KeyedLimiter({ rate: 0.001, burst: 2 }),
    checks: new Checks(100),
    overLimit: () => undefined,
    keyUnknown: () => undefined,
    operatorNetworks: new Networks(["10.0.0.0/8", "2001:db8::/32"]),
    log: createLog("test", "silent"),
  });
  const token = `x.${Buffer.from(JSON.stringify({ tenant: "acme", sub: "ann" })).toString("base64url")}.x`;
  const pass = (scope: Scope, address: string) => guard.pass(token, scope, { ...asked, address });
  for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"])
    for (const scope of ["operate", "read"] as const) expect(pass(scope, address)).toBe(identity);
  expect(pass("publish", "192.0.2.1")).toBe(identity);
  const before = checked;
  expect(() => pass("operate", "192.0.2.1")).toThrow(Refused);
  expect(() => pass("read", "::ffff:192.0.2.1")).toThrow(Refused);
  expect(noted.filter(({ allowed }) => !allowed)).toMatchObject([
    { why: "its address is outside OPERATOR_NETWORKS", scope: "operate", tenant: "acme", subject: "ann" },
    { why: "its address is outside OPERATOR_NETWORKS", scope: "read", tenant: "acme", subject: "ann" },
  ]);
  // An address over its rate of refusals gets no further either.
  expect(() => pass("operate", "192.0.2.1")).toThrow(Refused);
  expect(() => pass("operate", "192.0.2.1")).toThrow(TurnedAway);
  expect(checked).toBe(before);
});
