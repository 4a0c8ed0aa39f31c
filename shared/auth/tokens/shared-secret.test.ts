import { createPublicKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { exportJWK, SignJWT } from "jose";
import { expect, test } from "vitest";
import { Policies } from "#auth/policies/policies.ts";
import { classify } from "#runtime/errors.ts";
import { Authenticator } from "#auth/authenticator.ts";
import { Refused } from "#auth/identity.ts";
import { SealedSecrets } from "./sealed-secrets.ts";

const NOW = 1_800_000_000;
const settings = {
  AUTH_JWKS: "https://platform.example/jwks",
  AUTH_ISSUER: "platform",
  AUTH_AUDIENCE: "notifications",
};
const sealing = randomBytes(32);
const secret = randomBytes(32);
const ISSUER = "https://shop.example";

const issuerRow = (value: object) => ({
  kind: "issuer",
  tenant: "shop",
  id: "own",
  value: { issuer: ISSUER, audience: "a", ...value },
});
const tenant = { kind: "tenant", tenant: "shop", id: "", value: { trust: "scopes" } };
const shared = async (bytes = secret) =>
  issuerRow({ algorithms: ["HS256"], sealedSecret: await new SealedSecrets([sealing]).seal(bytes, ISSUER) });

async function authenticatorOf(policies: Policies, keys = [sealing]): Promise<Authenticator> {
  return Authenticator.from({ ...settings, SECRETS_KEY: keys }, policies, { now: () => NOW * 1_000 });
}

function signed(key: Parameters<SignJWT["sign"]>[0], alg: string): Promise<string> {
  return new SignJWT({ iss: ISSUER, aud: "a", sub: "u1", scope: "subscribe", iat: NOW, exp: NOW + 60 })
    .setProtectedHeader({ alg })
    .sign(key);
}

const verdict = async (authenticator: Authenticator, token: string): Promise<string> =>
  Promise.resolve()
    .then(() => authenticator.authorize(token, "subscribe"))
    .then(
      () => "good",
      (error: unknown) => (error instanceof Refused ? "refused" : classify(error)),
    );

test("an issuer with a shared secret accepts only HS256 with it", async () => {
  const policies = new Policies();
  policies.apply([tenant, await shared()]);
  const authenticator = await authenticatorOf(policies);
  for (let time = 0; time < 3; time += 1)
    expect(await verdict(authenticator, await signed(secret, "HS256"))).toBe("good");
  expect(await verdict(authenticator, await signed(randomBytes(32), "HS256"))).toBe("refused");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  for (const alg of ["RS256", "PS256"])
    expect(await verdict(authenticator, await signed(rsa.privateKey, alg))).toBe("refused");
  for (const alg of ["HS384", "HS512"])
    expect(await verdict(authenticator, await signed(randomBytes(64), alg))).toBe("refused");
});

test("an issuer with public keys never uses one of them as a secret", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const jwk = await exportJWK(rsa.publicKey);
  const policies = new Policies();
  policies.apply([tenant, issuerRow({ algorithms: ["RS256"], jwks: { keys: [jwk] } })]);
  const authenticator = await authenticatorOf(policies);
  expect(await verdict(authenticator, await signed(rsa.privateKey, "RS256"))).toBe("good");
  const pem = createPublicKey(rsa.privateKey).export({ type: "spki", format: "pem" });
  for (const key of [pem, JSON.stringify(jwk), jwk.n!])
    expect(await verdict(authenticator, await signed(Buffer.from(key), "HS256"))).toBe("refused");
  // A row that asks for both is invalid: the issuer then has no keys.
  policies.apply([issuerRow({ algorithms: ["RS256", "HS256"], jwks: { keys: [jwk] } })]);
  expect([policies.issuer(ISSUER), policies.tenant("shop")?.unknown.size]).toEqual([undefined, 1]);
});

test("another secret disconnects clients of the old one; the same secret, sealed again, does not", async () => {
  const policies = new Policies();
  policies.apply([tenant, await shared()]);
  const authenticator = await authenticatorOf(policies);
  const inside = await authenticator.authorize(await signed(secret, "HS256"), "subscribe");
  policies.apply([await shared()]);
  expect(authenticator.barred(inside, "subscribe")).toBeUndefined();
  policies.apply([await shared(randomBytes(32))]);
  await expect.poll(() => authenticator.barred(inside, "subscribe")).toContain("was removed");
});

test("a secret is sealed for its issuer and opens with an older key, too; without a key no token is refused for it", async () => {
  const old = randomBytes(32);
  const sealed = await new SealedSecrets([old]).seal(secret, ISSUER);
  expect(sealed.split(".")).toHaveLength(5);
  expect(Buffer.from(sealed.split(".")[3]!, "base64url").includes(secret)).toBe(false);
  const rotated = new SealedSecrets([sealing, old]);
  expect(Buffer.from(await rotated.open(sealed, ISSUER))).toEqual(secret);
  await expect(rotated.open(sealed, "https://other.example")).rejects.toMatchObject({ kind: "retry" });
  await expect(new SealedSecrets([]).seal(secret, ISSUER)).rejects.toMatchObject({ kind: "reject" });
  const policies = new Policies();
  policies.apply([tenant, await shared()]);
  expect(await verdict(await authenticatorOf(policies, []), await signed(secret, "HS256"))).toBe("retry");
});
