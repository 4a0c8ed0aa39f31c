import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { exportJWK, SignJWT, type JWK } from "jose";
import { expect, test } from "vitest";
import type { Scope } from "#auth/policies/schema.ts";
import { Policies } from "#auth/policies/policies.ts";
import { newApiKey } from "#auth/tokens/api-keys.ts";
import { Authenticator } from "./authenticator.ts";
import { Refused } from "./identity.ts";

const NOW = 1_800_000_000;
const ISSUER = "https://issuer.example";
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const jwkOf = async (key: KeyObject, kid: string): Promise<JWK> => ({ ...(await exportJWK(key)), kid, use: "sig" });
const claims = { iss: ISSUER, aud: "notifications", sub: "u1", tenant: "acme", scope: "subscribe", exp: NOW + 60 };

const token = (header: { alg: string; kid: string }, payload: object, key: KeyObject): Promise<string> =>
  new SignJWT({ ...payload }).setProtectedHeader(header).sign(key);

/** Two tenants, each with an issuer; both have a key with the same kid. */
async function twoTenants(): Promise<{ policies: Policies; authenticator: Authenticator }> {
  const policies = new Policies();
  const row = async (tenant: string, key: KeyObject) => ({
    kind: "issuer",
    tenant,
    id: "own",
    value: {
      issuer: `https://${tenant}.example`,
      audience: "notifications",
      algorithms: ["RS256"],
      jwks: { keys: [await jwkOf(key, "k")] },
    },
  });
  policies.apply([
    ...["acme", "globex"].map((tenant) => ({ kind: "tenant", tenant, id: "", value: { trust: "scopes" } })),
    await row("acme", rsa.publicKey),
    await row("globex", other.publicKey),
  ]);
  const fetch = () => Promise.resolve(JSON.stringify({ keys: [] }));
  const settings = { AUTH_JWKS: "https://platform/jwks", AUTH_ISSUER: ISSUER, AUTH_AUDIENCE: "notifications" };
  return { policies, authenticator: await Authenticator.from(settings, policies, { now: () => NOW * 1_000, fetch }) };
}

async function may(authenticator: Authenticator, text: string, scope: Scope = "subscribe"): Promise<boolean> {
  const said = new Set<boolean>();
  // Repeatedly, until the token is in the cache.
  for (let time = 0; time < 4; time += 1) {
    try {
      await authenticator.authorize(text, scope);
      said.add(true);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      said.add(false);
    }
  }
  expect(said.size).toBe(1);
  return said.has(true);
}

test("an issuer counts for its own tenant only, with its own keys", async () => {
  const { policies, authenticator } = await twoTenants();
  const by = (iss: string, tenant: string, key: KeyObject) =>
    token({ alg: "RS256", kid: "k" }, { ...claims, iss: `https://${iss}.example`, tenant }, key);
  expect(await may(authenticator, await by("acme", "acme", rsa.privateKey))).toBe(true);
  expect(await may(authenticator, await by("globex", "globex", other.privateKey))).toBe(true);
  expect(await may(authenticator, await by("acme", "globex", rsa.privateKey))).toBe(false);
  expect(await may(authenticator, await by("globex", "globex", rsa.privateKey))).toBe(false);
  expect(await may(authenticator, await by("nobody", "acme", rsa.privateKey))).toBe(false);
  // A removed issuer, or one with other keys, is no longer accepted, even for a token that was seen often.
  const text = await by("acme", "acme", rsa.privateKey);
  expect(await may(authenticator, text)).toBe(true);
  const row = { issuer: "https://acme.example", audience: "notifications", algorithms: ["RS256"] };
  policies.apply([
    {
      kind: "issuer",
      tenant: "acme",
      id: "own",
      value: { ...row, jwks: { keys: [await jwkOf(other.publicKey, "k")] } },
    },
  ]);
  expect(await may(authenticator, text)).toBe(false);
});

test("a key needs its whole secret, is good until its expiry or removal, and has only its scopes", async () => {
  const { policies, authenticator } = await twoTenants();
  const { id, token: text, hash } = newApiKey();
  const value = {
    hash,
    name: "shop",
    scopes: ["publish"],
    clients: ["*"],
    created: NOW,
    expires: null as number | null,
  };
  const put = (row: object | null): void => policies.apply([{ kind: "key", tenant: "acme", id, value: row }]);
  put(value);
  expect(await may(authenticator, text, "publish")).toBe(true);
  expect(await authenticator.authorize(text, "publish")).toMatchObject({ tenant: "acme", subject: `key:${id}` });
  for (const scope of ["subscribe", "operate", "read"] as const)
    expect(await may(authenticator, text, scope)).toBe(false);
  const wrong = text.slice(0, -1) + (text.endsWith("A") ? "B" : "A");
  for (const bad of [wrong, text.slice(0, -1), `${text}A`, newApiKey().token, "sk_", `sk_${id}_`])
    expect([bad, await may(authenticator, bad, "publish")]).toEqual([bad, false]);
  put({ ...value, expires: NOW + 10 });
  expect(await may(authenticator, text, "publish")).toBe(true);
  put({ ...value, expires: NOW - 61 });
  expect(await may(authenticator, text, "publish")).toBe(false);
  put(null);
  expect(await may(authenticator, text, "publish")).toBe(false);
});

test("a key passes for the targets that it names only", async () => {
  const { policies, authenticator } = await twoTenants();
  const { id, token, hash } = newApiKey();
  const value = { hash, name: "feed", scopes: ["consume"], targets: ["queue/changes"], created: NOW, expires: null };
  policies.apply([{ kind: "key", tenant: "acme", id, value }]);
  const passes = (target: string): unknown => authenticator.authorize(token, "consume", { target });
  expect(passes("queue/changes")).toMatchObject({ subject: `key:${id}` });
  expect(() => passes("queue/orders")).toThrow(Refused);
  expect(() => authenticator.authorize(token, "publish", { target: "queue/changes" })).toThrow(Refused);
});
