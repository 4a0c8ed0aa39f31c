import { generateKeyPairSync, randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { readAll } from "#tests/support/kafka-records.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { newTenant, publishes, startTenancy } from "#tests/support/tenants.ts";

let stack: Stack;
let receiver: Service;
let desk: Service;
let operator: ConsoleApi;

const SECRETS_KEY = randomBytes(32).toString("base64");

beforeAll(async () => {
  ({ stack, receiver, desk, operator } = await startTenancy({ SECRETS_KEY }));
});

afterAll(() => stack.close());

type Errors = { pointer: string; detail: string }[];
const now = () => Math.floor(Date.now() / 1_000);
const jwkOf = (key: ReturnType<typeof generateKeyPairSync>) => key.publicKey.export({ format: "jwk" });

test("a document without a body is refused with its missing members, and the stored one stays", async () => {
  const tenant = await newTenant(operator, "bodiless");
  await operator.does("PUT", `/${tenant}`, { state: "suspended", trust: "scopes", limits: { publishRate: 5 } });
  const before = await operator.does("GET", `/${tenant}`);
  for (const [method, path, missing] of [
    ["PUT", "", "{}"],
    ["PUT", "/issuers/i", "issuer, audience, algorithms"],
    ["PUT", "/grants/g", "role, subjects"],
    ["PUT", "/revocations/u1", "{}"],
    ["POST", "/keys", "name, scopes"],
  ] as const) {
    const { status, body } = await operator.ask(method, `/${tenant}${path}`);
    expect([path, status, (body.errors as Errors)[0]!.detail]).toEqual([path, 400, expect.stringContaining(missing)]);
  }
  expect(await operator.does("GET", `/${tenant}`)).toEqual(before);
  // An empty object asks for the defaults, and gets them.
  expect(await operator.does("PUT", `/${tenant}`, {})).toEqual({ state: "active", trust: "grants", limits: {} });
});

test("the operators' tenant cannot be created and holds nothing; no tenant operator can lock out a platform operator", async () => {
  const root = new ConsoleApi(desk, await stack.token({ publisher: "root", scope: "operate", tenant: "platform" }));
  for (const [method, path, body] of [
    ["PUT", "", {}],
    ["PUT", "/revocations/*", {}],
    ["PUT", "/revocations/root", {}],
    ["PUT", "/grants/g", { role: "publisher", subjects: ["*"] }],
    ["POST", "/keys", { name: "k", scopes: ["operate"] }],
  ] as const)
    expect([path, await root.ask(method, `/platform${path}`, body)]).toMatchObject([path, { status: 409 }]);
  expect((await root.ask("GET", "/platform")).status).toBe(404);
  const tenant = await newTenant(operator, "locks");
  const { key } = await operator.does("POST", `/${tenant}/keys`, { name: "own", scopes: ["operate"] });
  const named = new ConsoleApi(desk, await stack.token({ publisher: "root", scope: "operate", tenant }));
  await new ConsoleApi(desk, key as string).does("PUT", `/${tenant}/revocations/*`, {});
  await operator.does("PUT", `/${tenant}`, { state: "suspended" });
  for (const one of [root, named]) expect((await one.ask("GET", "?limit=1")).status).toBe(200);
});

test("a revocation counts from its request, or from a given time within the leeway", async () => {
  const tenant = await newTenant(operator, "bounded");
  const path = `/${tenant}/revocations/u1`;
  const { before } = await operator.does("PUT", path, {});
  expect(Math.abs((before as number) - now())).toBeLessThan(5);
  expect(await operator.does("PUT", path, { before: now() + 20 })).toBeDefined();
  expect(await operator.does("PUT", path, { before: 0 })).toEqual({ before: 0 });
  for (const late of [now() + 40, 99_999_999_999, 1e300, 1.5, -1, "0"]) {
    const { status, body } = await operator.ask("PUT", path, { before: late });
    expect([late, status, (body.errors as Errors)[0]!.pointer]).toEqual([late, 400, "/before"]);
  }
});

test("every subject that a token can carry is granted and revoked by name; any other token is refused", async () => {
  const tenant = await newTenant(operator, "subjects", "grants");
  const good = ["名前 👍🏽", "CORP\\ann", "a/b?c#d%2e", "a*b", "...", "x".repeat(256)];
  for (const subject of good) {
    await operator.does("PUT", `/${tenant}/grants/g`, { role: "publisher", subjects: [subject] });
    const token = await stack.token({ publisher: subject, tenant });
    const other = await stack.token({ publisher: "other", tenant });
    await expect.poll(() => publishes(receiver, token)).toBe(202);
    expect(await publishes(receiver, other)).toBe(403);
    const place = `/${tenant}/revocations/${encodeURIComponent(subject)}`;
    await operator.does("PUT", place, { before: now() + 1 });
    await expect.poll(() => publishes(receiver, token)).toBe(403);
    await operator.does("DELETE", place);
    await expect.poll(() => publishes(receiver, token)).toBe(202);
  }
  await operator.does("PUT", `/${tenant}/grants/g`, { role: "publisher", subjects: ["*"] });
  await expect.poll(async () => publishes(receiver, await stack.token({ publisher: "any", tenant }))).toBe(202);
  for (const subject of ["*", "a*", "..", "a\nb", "a\0", "\ud800", "x".repeat(257)])
    expect([subject, await publishes(receiver, await stack.token({ publisher: subject, tenant }))]).toEqual([
      subject,
      403,
    ]);
});

test("an issuer with a key that can check no token is refused, with the reason", async () => {
  const tenant = await newTenant(operator, "weak");
  const rsa = jwkOf(generateKeyPairSync("rsa", { modulusLength: 2_048 }));
  const ec = jwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }));
  const cases: [object[], string][] = [
    [[jwkOf(generateKeyPairSync("rsa", { modulusLength: 1_024 }))], "at least 2048"],
    [[{ ...rsa, use: "enc" }], 'use must be "sig"'],
    [[jwkOf(generateKeyPairSync("ec", { namedCurve: "secp256k1" }))], "unknown kind"],
    [[{ ...rsa, p: "AQ" }], "private member p"],
    [[{ ...ec, y: ec.x }], "cannot be read"],
    [[jwkOf(generateKeyPairSync("ed25519"))], "add EdDSA"],
    [
      [
        { ...rsa, kid: "k" },
        { ...ec, kid: "k" },
      ],
      "same kid",
    ],
  ];
  const issuer = { issuer: "https://weak.example", audience: "a", algorithms: ["RS256", "ES256"] };
  for (const [keys, why] of cases) {
    const { status, body } = await operator.ask("PUT", `/${tenant}/issuers/i`, { ...issuer, jwks: { keys } });
    expect([why, status, JSON.stringify(body)]).toEqual([
      why,
      400,
      expect.stringContaining(JSON.stringify(why).slice(1, -1)),
    ]);
    expect((body.errors as Errors)[0]!.pointer).toMatch(/^\/jwks\/keys\/[01]$/);
  }
  const good = {
    ...issuer,
    jwks: {
      keys: [
        { ...rsa, kid: "r" },
        { ...ec, kid: "e" },
      ],
    },
  };
  expect(await operator.does("PUT", `/${tenant}/issuers/i`, good)).toEqual(good);
});

test("a shared secret has 256 bits, and is never in clear in answers, Postgres or the audit log", async () => {
  const tenant = await newTenant(operator, "sealed");
  const secret = randomBytes(32).toString("base64url");
  const issuer = { issuer: "https://sealed.example", audience: "a", algorithms: ["HS256"] };
  const path = `/${tenant}/issuers/i`;
  for (const wrong of [
    { ...issuer },
    { ...issuer, secret: "x".repeat(31) },
    { ...issuer, secret: secret.slice(1), secretEncoding: "base64url" },
    { ...issuer, secret, jwksUrl: "https://x.example/" },
    { ...issuer, secret, algorithms: ["HS256", "RS256"] },
    { ...issuer, secret, algorithms: ["RS256"] },
    { ...issuer, sealedSecret: "x" },
  ])
    expect((await operator.ask("PUT", path, wrong)).status).toBe(400);
  expect(await operator.does("PUT", path, { ...issuer, secret, secretEncoding: "base64url" })).toEqual(issuer);
  expect((await operator.does("GET", `/${tenant}/issuers`)).items).toMatchObject([issuer]);
  const pool = new pg.Pool({ connectionString: stack.env.DATABASE_URL, max: 1 });
  onTestFinished(() => pool.end());
  const { rows } = await pool.query<{ text: string }>(`select value::text as text from "${stack.namespace}".access`);
  const kept = rows.map(({ text }) => text).join("\n");
  expect(kept).toContain("sealedSecret");
  for (const text of [JSON.stringify(await operator.does("GET", `/${tenant}/issuers`)), kept, await audited()]) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(secret, "base64url").toString("latin1"));
  }
  // Without a sealing key a platform stores no secret.
  const bare = await stack.start("console", { SECRETS_KEY: "" });
  const asking = await ConsoleApi.of(stack, bare);
  expect(await asking.ask("PUT", path, { ...issuer, secret })).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("SECRETS_KEY") as string },
  });
});

async function audited(): Promise<string> {
  return (await readAll(stack, "audit")).map(({ value }) => value.toString()).join("\n");
}

interface Entry {
  path?: string;
  outcome?: string;
  why?: string;
  wrote?: { kind: string; id: string; changed: Record<string, unknown> }[];
}

test("the audit log has each operator's change and its outcome", async () => {
  const tenant = await newTenant(operator, "written");
  await operator.does("PUT", `/${tenant}`, { state: "suspended", trust: "scopes" });
  await operator.ask("PUT", `/${tenant}`, { state: "gone" });
  const made = await operator.does("POST", `/${tenant}/keys`, { name: "shop", scopes: ["publish"] });
  await operator.does("DELETE", `/${tenant}/keys/${String(made.id)}`);
  await operator.ask("DELETE", `/${tenant}/keys/none`);
  let entries: Entry[] = [];
  await expect
    .poll(async () => {
      const lines = (await audited()).split("\n").map((line) => JSON.parse(line) as Entry);
      entries = lines.filter(({ path = "", outcome }) => path.startsWith(`/v1/tenants/${tenant}`) && outcome);
      return entries.length;
    })
    .toBe(6);
  const id = String(made.id);
  const of = (outcome: string) => entries.filter((entry) => entry.outcome === outcome);
  expect(of("committed").map(({ wrote }) => wrote?.[0])).toMatchObject([
    { kind: "tenant", id: tenant, changed: { state: [null, "active"], trust: [null, "scopes"] } },
    { kind: "tenant", id: tenant, changed: { state: ["active", "suspended"] } },
    { kind: "key", id, changed: { name: [null, "shop"], scopes: [null, ["publish"]] } },
    { kind: "key", id, changed: { name: ["shop", null] } },
  ]);
  expect(of("refused").map(({ why }) => why)).toEqual([
    "The body does not have the expected form.",
    "There is no such key.",
  ]);
  expect(JSON.stringify(entries)).not.toMatch(/hash|[0-9a-f]{64}/);
  expect(JSON.stringify(entries)).not.toContain(String(made.key).slice(-43));
});
