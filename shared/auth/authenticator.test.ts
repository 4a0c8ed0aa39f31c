import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { base64url, CompactSign, exportJWK, generateKeyPair, type JWK } from "jose";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { Policies } from "#auth/policies/policies.ts";
import { Authenticator } from "./authenticator.ts";
import { Refused, type Identity } from "./identity.ts";

const ISSUER = "http://issuer";
const NOW = 1_800_000_000;
const ALGORITHMS = ["EdDSA", "ES256", "ES384", "RS256", "PS256"] as const;
type Algorithm = (typeof ALGORITHMS)[number];

interface Pair {
  privateKey: CryptoKey;
  jwk: JWK;
}
const pairs = new Map<Algorithm, Pair>();
const policies = new Policies();
policies.apply([{ kind: "tenant", tenant: "acme", id: "", value: { trust: "scopes" } }]);
const claims = { tenant: "acme", scope: "subscribe", sub: "u1", iss: ISSUER, aud: "notifications", exp: NOW + 60 };

beforeAll(async () => {
  for (const alg of ALGORITHMS) {
    const { privateKey, publicKey } = await generateKeyPair(alg);
    pairs.set(alg, { privateKey, jwk: { ...(await exportJWK(publicKey)), kid: alg, alg, use: "sig" } });
  }
});

afterEach(() => {
  vi.unstubAllGlobals();
});

async function authenticatorOf(): Promise<Authenticator> {
  const folder = await mkdtemp(join(tmpdir(), "keys-"));
  try {
    const file = join(folder, "jwks.json");
    await writeFile(file, JSON.stringify({ keys: Array.from(pairs.values(), ({ jwk }) => jwk) }));
    return await Authenticator.from(
      { AUTH_JWKS: file, AUTH_ISSUER: ISSUER, AUTH_AUDIENCE: "notifications" },
      policies,
      {
        now: () => NOW * 1_000,
      },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

function signed(alg: Algorithm, payload: unknown, header: object = { kid: alg }): Promise<string> {
  return new CompactSign(Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload)))
    .setProtectedHeader({ alg, ...header })
    .sign(pairs.get(alg)!.privateKey);
}

async function verdict(of: Authenticator, token: string): Promise<Identity | "refused"> {
  try {
    return await of.authorize(token, "subscribe");
  } catch (error) {
    if (error instanceof Refused) return "refused";
    throw error;
  }
}

/** An authenticator that has seen a token of each key, so it checks the next ones itself. */
async function warm(): Promise<Authenticator> {
  const checked = await authenticatorOf();
  for (const alg of ALGORITHMS) await checked.authorize(await signed(alg, { ...claims, jti: "warm" }), "subscribe");
  return checked;
}

test("R2: a token of a known key is checked at once, except for ES384", async () => {
  const checked = await warm();
  for (const alg of ALGORITHMS) {
    const answer = checked.authorize(await signed(alg, claims), "subscribe");
    expect([alg, answer instanceof Promise]).toEqual([alg, alg === "ES384"]);
    expect(await answer).toMatchObject({ tenant: "acme", subject: "u1", expires: NOW + 60 });
  }
});

test("R2: a number that fits JSON but no clock is refused", async () => {
  const checked = await warm();
  for (const exp of ["1e999", "-1e999", "1e21", `${NOW}.5`, "9007199254740993", "-0.1"]) {
    const text = JSON.stringify(claims).replace(`"exp":${NOW + 60}`, `"exp":${exp}`);
    expect(text).toContain(exp);
    expect([exp, await verdict(checked, await signed("ES256", text))]).toEqual([exp, "refused"]);
  }
});

const strange = fc.oneof(
  fc.constantFrom<unknown>(null, true, "", "notifications", ISSUER, [], ["notifications"], ["other"], {}),
  fc.constantFrom("subscribe publish", "publish", " subscribe", "a/b"),
  fc.constantFrom(NOW - 31, NOW - 30, NOW - 29, NOW, NOW + 29, NOW + 30, NOW + 31, String(NOW), 1e300, -1),
);

test("R2: its later verdict on a token equals jose's verdict", { timeout: 60_000 }, async () => {
  const checked = await warm();
  let accepted = 0;
  let refused = 0;
  const said = new Set<boolean>();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<Algorithm>("EdDSA", "ES256", "RS256", "PS256"),
      // One or two claims that are strange, or (undefined) missing.
      fc.dictionary(
        fc.constantFrom("exp", "nbf", "iat", "iss", "aud", "sub", "tenant", "scope", "more"),
        fc.option(strange, { nil: undefined }),
        { maxKeys: 2, noNullPrototype: true },
      ),
      async (alg, others) => {
        const changed = { ...claims, ...others };
        const token = await signed(alg, changed);
        // Its first token with this header: only jose checks it.
        const expected = await verdict(await authenticatorOf(), token);
        try {
          said.add(checked.authorize(token, "subscribe") instanceof Promise);
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
        }
        expect(await verdict(checked, token)).toEqual(expected);
        if (expected === "refused") refused += 1;
        else accepted += 1;
      },
    ),
    { numRuns: 1_000 },
  );
  expect(said).toEqual(new Set([false]));
  expect(Math.min(accepted, refused)).toBeGreaterThan(50);
});

test("R2: a changed signature, payload or header is refused", async () => {
  const checked = await warm();
  for (const alg of ALGORITHMS) {
    const [header, payload, signature] = (await signed(alg, claims)).split(".") as [string, string, string];
    const other = base64url.encode(JSON.stringify({ ...claims, sub: "u2" }));
    const none = base64url.encode('{"alg":"none"}');
    const of = (name: Algorithm): string => base64url.encode(JSON.stringify({ alg: name, kid: name }));
    const flipped = Buffer.from(signature, "base64url");
    flipped[5]! ^= 1;
    const forged = [
      `${header}.${other}.${signature}`,
      `${header}.${payload}.${flipped.toString("base64url")}`,
      `${header}.${payload}.${signature.slice(0, -4)}`,
      `${header}.${payload}.${signature}AAAA`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${payload}.${signature}.`,
      `${none}.${payload}.`,
      `${none}.${payload}.${signature}`,
      `.${payload}.${signature}`,
      `${header}..${signature}`,
      ...ALGORITHMS.filter((name) => name !== alg).map((name) => `${of(name)}.${payload}.${signature}`),
    ];
    for (const token of forged) expect([token, await verdict(checked, token)]).toEqual([token, "refused"]);
    // The same payload as invalid JSON, and as invalid UTF-8.
    for (const text of ["", "[]", '"text"', "{", "null"])
      expect(await verdict(checked, await signed(alg, text))).toBe("refused");
  }
});

test("R2: a header with a critical parameter is never a known one", async () => {
  const checked = await warm();
  const token = await signed("EdDSA", claims, { kid: "EdDSA", b64: true, crit: ["b64"] });
  const [, payload, signature] = token.split(".") as [string, string, string];
  expect(await verdict(checked, token)).toMatchObject({ subject: "u1" });
  const strange = base64url.encode(JSON.stringify({ alg: "EdDSA", kid: "EdDSA", crit: ["exp"] }));
  expect(await verdict(checked, `${strange}.${payload}.${signature}`)).toBe("refused");
});

test("R2: a known token is refused once it has expired", async () => {
  let now = NOW;
  const { jwk } = pairs.get("EdDSA")!;
  const fetch = () => Promise.resolve(JSON.stringify({ keys: [jwk] }));
  const checked = await Authenticator.from(
    { AUTH_JWKS: "https://issuer/jwks", AUTH_ISSUER: ISSUER, AUTH_AUDIENCE: "notifications" },
    policies,
    { now: () => now * 1_000, fetch },
  );
  const token = await signed("EdDSA", claims);
  for (let time = 0; time < 4; time += 1) expect(await verdict(checked, token)).toMatchObject({ subject: "u1" });
  now = NOW + 91;
  expect(await verdict(checked, token)).toBe("refused");
  expect(await verdict(checked, token)).toBe("refused");
});

test("a key removed from the set, and the connections of its tokens, are good only while the set is kept", async () => {
  let clock = 0;
  let keys = ["EdDSA", "ES256"] as Algorithm[];
  const fetch = () => Promise.resolve(JSON.stringify({ keys: keys.map((alg) => pairs.get(alg)!.jwk) }));
  const settings = { AUTH_JWKS: "https://issuer/jwks", AUTH_ISSUER: ISSUER, AUTH_AUDIENCE: "notifications" };
  const from = () => Authenticator.from(settings, policies, { now: () => NOW * 1_000, clock: () => clock, fetch });
  const [bySet, byAge, idle] = await Promise.all([from(), from(), from()]);
  let count = 0;
  const token = (alg: Algorithm): Promise<string> => signed(alg, { ...claims, jti: String((count += 1)) });
  for (const checked of [bySet, byAge, idle]) {
    for (let time = 0; time < 3; time += 1) await checked.authorize(await token("EdDSA"), "subscribe");
    expect(checked.authorize(await token("EdDSA"), "subscribe")).not.toBeInstanceOf(Promise);
  }
  const inside = await byAge.authorize(await token("EdDSA"), "subscribe");
  keys = ["ES256", "RS256"];
  clock = 31_000;
  // No caller has caused a new request for the set.
  expect(await verdict(bySet, await token("EdDSA"))).toMatchObject({ subject: "u1" });
  // A key that is not in the set causes a new request.
  expect(await verdict(bySet, await token("RS256"))).toMatchObject({ subject: "u1" });
  expect(await verdict(bySet, await token("EdDSA"))).toBe("refused");
  clock = 601_000;
  // Connected clients are checked every few seconds.
  expect(byAge.barred(inside, "subscribe")).toBeUndefined();
  await vi.waitFor(() => expect(byAge.barred(inside, "subscribe")).toContain("was removed"));
  expect(await verdict(byAge, await token("EdDSA"))).toBe("refused");
  // After a long time without callers, the first one waits for the set.
  clock = 1_201_000;
  expect(await verdict(idle, await token("EdDSA"))).toBe("refused");
});

test("a refused token without a tenant is in its issuer tenant's log", async () => {
  const issuer = (value: object | null) => ({ kind: "issuer", tenant: "acme", id: "own", value }) as const;
  const row = {
    issuer: "https://own",
    audience: "n",
    algorithms: ["EdDSA"],
    jwks: { keys: [pairs.get("EdDSA")!.jwk] },
  };
  policies.apply([issuer(row)]);
  const known = await authenticatorOf();
  const asked = [{ iss: "https://own" }, { iss: "https://other" }, { iss: "https://own", tenant: "x" }, undefined];
  expect(asked.map((said) => known.claimedTenant(said))).toEqual(["acme", undefined, "x", undefined]);
  policies.apply([issuer(null)]);
});
