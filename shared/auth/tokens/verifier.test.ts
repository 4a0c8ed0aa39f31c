import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { exportJWK, SignJWT, type JWK } from "jose";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { ALGORITHMS } from "#auth/policies/schema.ts";
import { Failure } from "#runtime/errors.ts";
import { Refused, TurnedAway, type Identity } from "#auth/identity.ts";
import { TokenVerifier } from "./verifier.ts";
import { Jwks } from "./jwks.ts";
import { JwksAddresses } from "./jwks-address.ts";
import { Waiters } from "#auth/pending-callers.ts";

const NOW = 1_800_000_000;
const ISSUER = "https://issuer.example";
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed = generateKeyPairSync("ed25519");
const jwkOf = async (key: KeyObject, kid: string): Promise<JWK> => ({ ...(await exportJWK(key)), kid, use: "sig" });
const claims = { iss: ISSUER, aud: "notifications", sub: "u1", tenant: "acme", scope: "subscribe", exp: NOW + 60 };

afterEach(() => {
  vi.unstubAllGlobals();
});

async function issuerOf(more: Partial<ConstructorParameters<typeof TokenVerifier>[0]> = {}): Promise<TokenVerifier> {
  return new TokenVerifier({
    issuer: ISSUER,
    audience: "notifications",
    algorithms: ALGORITHMS,
    keys: new Jwks({ keys: [await jwkOf(rsa.publicKey, "rsa"), await jwkOf(ed.publicKey, "ed")] }),
    source: { kind: "platform" },
    tenant: undefined,
    now: () => NOW * 1_000,
    ...more,
  });
}

const token = (header: { alg: string; kid?: string } & Record<string, unknown>, payload: object, key: KeyObject) =>
  new SignJWT({ ...payload }).setProtectedHeader(header).sign(key);

test("only meaningful scopes of a token are kept, out of any number", async () => {
  const verifier = await issuerOf();
  const many = Array.from({ length: 300 }, (_, n) => `scope:${n}`);
  const scope = [...many, "publish", "operate"].join(" ");
  const [one, other] = await Promise.all(
    ["a", "b"].map(async (sub) =>
      verifier.verify(await token({ alg: "EdDSA", kid: "ed" }, { ...claims, sub, scope }, ed.privateKey)),
    ),
  );
  expect([...one!.scopes]).toEqual(["publish", "operate"]);
  expect(other!.scopes).toBe(one!.scopes);
});

/** Twice: the second time the issuer checks by itself. */
async function verdict(verifier: TokenVerifier, text: string): Promise<Identity | "refused"> {
  const said: (Identity | "refused")[] = [];
  for (let time = 0; time < 2; time += 1) {
    try {
      said.push(await verifier.verify(text));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      said.push("refused");
    }
  }
  expect(said[1]).toEqual(said[0]);
  return said[0]!;
}

test("a key inside a token, or linked from it, is ignored: neither as a signer nor beside a good key", async () => {
  const verifier = await issuerOf();
  const jwk = await jwkOf(other.publicKey, "evil");
  const urls = { jku: "https://evil.example/jwks", x5u: "https://evil.example/chain", x5c: ["MIIB"], jwk };
  const fetched = vi.fn<typeof fetch>();
  vi.stubGlobal("fetch", fetched);
  const keysFetched = vi.spyOn(JwksAddresses.prototype, "fetch");
  onTestFinished(() => keysFetched.mockRestore());
  for (const [name, value] of Object.entries(urls)) {
    const own = { [name]: value };
    expect([name, await verdict(verifier, await token({ alg: "RS256", ...own }, claims, other.privateKey))]).toEqual([
      name,
      "refused",
    ]);
    expect([
      name,
      await verdict(verifier, await token({ alg: "RS256", kid: "rsa", ...own }, claims, rsa.privateKey)),
    ]).toEqual([name, "refused"]);
  }
  expect(fetched).not.toHaveBeenCalled();
  expect(keysFetched).not.toHaveBeenCalled();
});

test("a missing signature, or an HMAC by the public key, is refused", async () => {
  const verifier = await issuerOf();
  const text = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  for (const alg of ["none", "None", "NONE", ""])
    expect(await verdict(verifier, `${text({ alg, kid: "rsa" })}.${text(claims)}.`)).toBe("refused");
  const secrets = [
    rsa.publicKey.export({ type: "spki", format: "pem" }) as string,
    rsa.publicKey.export({ type: "spki", format: "der" }),
    rsa.publicKey.export({ format: "jwk" }).n!,
  ].map((secret) => Buffer.from(secret));
  for (const alg of ["HS256", "HS384", "HS512"])
    for (const secret of secrets) {
      const signed = await new SignJWT(claims).setProtectedHeader({ alg, kid: "rsa" }).sign(secret);
      expect(await verdict(verifier, signed)).toBe("refused");
    }
  // An EdDSA key under another's algorithm.
  const head = `${text({ alg: "RS256", kid: "ed" })}.${text(claims)}`;
  const signature = sign(null, Buffer.from(head), ed.privateKey).toString("base64url");
  expect(await verdict(verifier, `${head}.${signature}`)).toBe("refused");
});

test("an algorithm outside the issuer's list is refused", async () => {
  const verifier = await issuerOf({ algorithms: ["EdDSA"] });
  expect(await verdict(verifier, await token({ alg: "EdDSA", kid: "ed" }, claims, ed.privateKey))).toMatchObject({
    subject: "u1",
  });
  for (const alg of ["RS256", "PS256", "RS512"])
    expect(await verdict(verifier, await token({ alg, kid: "rsa" }, claims, rsa.privateKey))).toBe("refused");
});

test("aud, iss, exp and nbf must hold, within a minute of leeway", async () => {
  const verifier = await issuerOf();
  const check = async (more: object): Promise<unknown> =>
    verdict(verifier, await token({ alg: "EdDSA", kid: "ed" }, { ...claims, ...more }, ed.privateKey));
  const good = [{}, { nbf: NOW }, { nbf: NOW + 29 }, { exp: NOW - 29 }, { aud: ["x", "notifications"] }];
  for (const more of good) expect([more, await check(more)]).toMatchObject([more, { subject: "u1" }]);
  const bad = [
    { nbf: NOW + 61 },
    { exp: NOW - 61 },
    { aud: "x" },
    { aud: [] },
    { iss: "https://issuer.example/" },
    { iss: "x" },
  ];
  for (const more of bad) expect([more, await check(more)]).toEqual([more, "refused"]);
});

test("an unknown kid causes a few key requests a minute, for any number of such tokens", async () => {
  let clock = 0;
  let served = [await jwkOf(ed.publicKey, "ed")];
  const fetch = vi.fn<() => Promise<string>>(() => Promise.resolve(JSON.stringify({ keys: served })));
  const url = new URL("https://issuer.example/jwks");
  const verifier = await issuerOf({ keys: new Jwks(url, { clock: () => clock, fetch }) });
  expect(await verdict(verifier, await token({ alg: "EdDSA", kid: "ed" }, claims, ed.privateKey))).toMatchObject({
    subject: "u1",
  });
  const strange = async (kid: string, payload: object = claims): Promise<unknown> => {
    const text = await token({ alg: "RS256", kid }, payload, rsa.privateKey);
    return verdict(verifier, text).catch((error: unknown) => (error instanceof Failure ? error.retryAfter : error));
  };
  // The issuer may have rotated its keys just now: no token is refused for that before the next read.
  for (let count = 0; count < 50; count += 1) expect(await strange(`unknown-${count}`)).toBe(30);
  clock = 12_000;
  expect(await strange("unknown")).toBe(18);
  expect(fetch).toHaveBeenCalledTimes(1);
  // No key could make these good.
  expect(await strange("unknown", { ...claims, exp: NOW - 100 })).toBe("refused");
  expect(await strange("unknown", { ...claims, aud: "another" })).toBe("refused");
  // The issuer has a new key: its first token, half a minute after the last read, finds it.
  served = [...served, await jwkOf(rsa.publicKey, "new")];
  clock = 31_000;
  expect(await strange("new")).toMatchObject({ subject: "u1" });
  for (let count = 0; count < 50; count += 1) await strange(`unknown-${count}`);
  expect(fetch).toHaveBeenCalledTimes(2);
  // The keys were read for this token, and its key is not among them.
  clock = 62_000;
  const invented = await token({ alg: "RS256", kid: "invented" }, claims, rsa.privateKey);
  await expect(async () => verifier.verify(invented)).rejects.toThrow(Refused);
});

test("a token with fatal claims is refused at once, without a signature check or a key request", async () => {
  const fetch = vi.fn<() => Promise<string>>(() => new Promise(() => {}));
  const verifier = await issuerOf({ keys: new Jwks(new URL("https://issuer.example/jwks"), { fetch }) });
  const text = (part: unknown): string =>
    Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");
  const header = text({ alg: "EdDSA", kid: "ed" });
  const bad = [
    "x",
    "x.y",
    "x.y.z",
    "a.b.c.d",
    `${header}.${text(claims)}.`,
    `${text("[")}.${text(claims)}.AAAA`,
    `${text("null")}.${text(claims)}.AAAA`,
    `${text({ kid: "ed" })}.${text(claims)}.AAAA`,
    `${text({ alg: "none" })}.${text(claims)}.AAAA`,
    `${text({ alg: "ES512" })}.${text(claims)}.AAAA`,
    `${text({ alg: ["EdDSA"] })}.${text(claims)}.AAAA`,
    `${text({ alg: "EdDSA", jwk: {} })}.${text(claims)}.AAAA`,
    `${header}.${text({ ...claims, exp: NOW - 61 })}.AAAA`,
    `${header}.${text({ ...claims, aud: "x" })}.AAAA`,
    `${header}.${text("[]")}.AAAA`,
  ];
  const mayCheck = vi.fn<() => void>();
  for (const one of bad) expect(() => void verifier.verify(one, { address: "192.0.2.1", mayCheck })).toThrow(Refused);
  expect(fetch).not.toHaveBeenCalled();
  expect(mayCheck).not.toHaveBeenCalled();
});

test("an issuer with a hanging key set gets one request at a time, from a bounded number of callers", async () => {
  let answer: (text: string) => void = () => undefined;
  const fetch = vi.fn<() => Promise<string>>(() => new Promise((resolve) => (answer = resolve)));
  const waiters = new Waiters({ all: 10, issuer: 2, address: 10 });
  const verifier = await issuerOf({ keys: new Jwks(new URL("https://issuer.example/jwks"), { fetch }), waiters });
  const good = await token({ alg: "EdDSA", kid: "ed" }, claims, ed.privateKey);
  const waiting = [verifier.verify(good), verifier.verify(good)];
  for (let times = 0; times < 20; times += 1)
    await expect(verifier.verify(good)).rejects.toThrow("Too many tokens wait for their issuer's keys");
  expect([fetch.mock.calls.length, waiters.size]).toEqual([1, 2]);
  answer(JSON.stringify({ keys: [await jwkOf(ed.publicKey, "ed")] }));
  for (const one of waiting) expect(await one).toMatchObject({ subject: "u1" });
  expect(await verifier.verify(good)).toMatchObject({ subject: "u1" });
  expect(waiters.size).toBe(0);
});

test("a caller without permitted checks has no signature checked, with a known or a new key", async () => {
  const verifier = await issuerOf();
  const good = await token({ alg: "EdDSA", kid: "ed" }, claims, ed.privateKey);
  const mayCheck = (): void => {
    throw new TurnedAway(1);
  };
  await expect(verifier.verify(good, { address: "", mayCheck })).rejects.toThrow(TurnedAway);
  await verifier.verify(good);
  expect(() => verifier.verify(good, { address: "", mayCheck })).toThrow(TurnedAway);
});
