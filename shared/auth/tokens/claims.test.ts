import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeAll, expect, test } from "vitest";
import { rowSchemas, type ClaimMapping } from "#auth/policies/schema.ts";
import { Refused, type Identity } from "#auth/identity.ts";
import { TokenVerifier } from "./verifier.ts";
import { Jwks } from "./jwks.ts";

const NOW = 1_800_000_000;
const times = { iat: NOW, exp: NOW + 3_600 };

let keys: Jwks;
let privateKey: CryptoKey;

beforeAll(async () => {
  const pair = await generateKeyPair("RS256");
  privateKey = pair.privateKey;
  keys = new Jwks({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: "k", use: "sig" }] });
});

interface Row extends ClaimMapping {
  issuer: string;
  audience: string;
}

async function verdict(row: Row, claims: object): Promise<Identity | string> {
  const { data, error } = rowSchemas.issuer.safeParse({ ...row, algorithms: ["RS256"], jwksUrl: "https://x.example/" });
  if (!data) throw error;
  const verifier = new TokenVerifier({
    ...data,
    keys,
    source: { kind: "issuer", name: row.issuer },
    tenant: "shop",
    now: () => NOW * 1_000,
  });
  const token = await new SignJWT({ iss: row.issuer, ...times, ...claims })
    .setProtectedHeader({ alg: "RS256", kid: "k" })
    .sign(privateKey);
  const said: (Identity | string)[] = [];
  // jose checks the first token of a key, and the issuer itself the second one.
  for (let time = 0; time < 2; time += 1) {
    try {
      said.push(await verifier.verify(token));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      said.push(error.message);
    }
  }
  expect(said[1]).toEqual(said[0]);
  return said[0]!;
}

/** Tokens from the providers' own documentation: docs/guides/identity-providers.md has the same issuers. */
const PROVIDERS: Record<string, { row: Row; claims: object; expected: [subject: string, scopes: string[]] }> = {
  "Keycloak, realm roles": {
    row: {
      issuer: "https://sso.example/realms/shop",
      audience: "shop-app",
      audienceClaim: "azp",
      scopeClaim: "realm_access.roles",
      scopePrefix: "notifications:",
    },
    claims: {
      jti: "onrtac:2b9c5a4e",
      aud: "account",
      sub: "9f3a4c0e-6f2b-4a5e-8a55-1f2f3e5b7c11",
      typ: "Bearer",
      azp: "shop-app",
      sid: "8d5b",
      acr: "1",
      "allowed-origins": ["https://shop.example"],
      realm_access: { roles: ["offline_access", "notifications:subscribe", "uma_authorization"] },
      resource_access: { account: { roles: ["manage-account"] } },
      scope: "openid email profile",
      email_verified: true,
      preferred_username: "ann",
    },
    expected: ["9f3a4c0e-6f2b-4a5e-8a55-1f2f3e5b7c11", ["subscribe"]],
  },
  "Auth0, permissions": {
    row: {
      issuer: "https://shop.eu.auth0.com/",
      audience: "https://notifications.example",
      scopeClaim: ["permissions", "scope"],
      scopePrefix: "notifications:",
    },
    claims: {
      sub: "auth0|507f1f77bcf86cd799439020",
      aud: ["https://notifications.example", "https://shop.eu.auth0.com/userinfo"],
      azp: "my_client_id",
      scope: "openid profile notifications:publish",
      permissions: ["read:orders", "notifications:subscribe"],
    },
    expected: ["auth0|507f1f77bcf86cd799439020", ["publish", "subscribe"]],
  },
  "Auth0, namespaced claim": {
    row: {
      issuer: "https://shop.eu.auth0.com/",
      audience: "https://notifications.example",
      subjectClaim: "https://shop.example/customer.id",
      scopeClaim: "https://shop.example/roles",
    },
    claims: {
      sub: "google-oauth2|1",
      aud: "https://notifications.example",
      "https://shop.example/customer.id": "customer-7",
      "https://shop.example/roles": ["subscribe"],
    },
    expected: ["customer-7", ["subscribe"]],
  },
  "Entra ID, delegated": {
    row: {
      issuer: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
      audience: "00001111-aaaa-2222-bbbb-3333cccc4444",
      subjectClaim: "oid",
      scopeClaim: ["scp", "roles"],
      scopePrefix: "notifications.",
    },
    claims: {
      aud: "00001111-aaaa-2222-bbbb-3333cccc4444",
      nbf: NOW,
      aio: "AXQAi/8",
      azp: "11112222-bbbb-3333-cccc-4444dddd5555",
      azpacr: "0",
      oid: "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb",
      scp: "User.Read notifications.subscribe",
      sub: "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
      tid: "aaaabbbb-0000-cccc-1111-dddd2222eeee",
      uti: "x",
      ver: "2.0",
    },
    expected: ["aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb", ["subscribe"]],
  },
  "Entra ID, application": {
    row: {
      issuer: "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
      audience: "00001111-aaaa-2222-bbbb-3333cccc4444",
      subjectClaim: "oid",
      scopeClaim: ["scp", "roles"],
      scopePrefix: "notifications.",
    },
    claims: {
      aud: "00001111-aaaa-2222-bbbb-3333cccc4444",
      nbf: NOW,
      azp: "11112222-bbbb-3333-cccc-4444dddd5555",
      idtyp: "app",
      oid: "bbbbbbbb-1111-2222-3333-cccccccccccc",
      roles: ["notifications.publish"],
      sub: "bbbbbbbb-1111-2222-3333-cccccccccccc",
      ver: "2.0",
    },
    expected: ["bbbbbbbb-1111-2222-3333-cccccccccccc", ["publish"]],
  },
  "Cognito, access token": {
    row: {
      issuer: "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_example",
      audience: "57cbishk4j24pabc1234567890",
      audienceClaim: "client_id",
      scopePrefix: "notifications/",
    },
    claims: {
      sub: "aaaaaaaa-bbbb-cccc-dddd-example",
      "cognito:groups": ["admin"],
      version: 2,
      client_id: "57cbishk4j24pabc1234567890",
      origin_jti: "x",
      event_id: "y",
      token_use: "access",
      scope: "openid notifications/subscribe",
      auth_time: NOW - 5,
      username: "ann",
    },
    expected: ["aaaaaaaa-bbbb-cccc-dddd-example", ["subscribe"]],
  },
  "Firebase, ID token": {
    row: {
      issuer: "https://securetoken.google.com/shop-1a2b3",
      audience: "shop-1a2b3",
      defaultScopes: ["subscribe"],
    },
    claims: {
      aud: "shop-1a2b3",
      auth_time: NOW - 5,
      user_id: "Zx8sQ1vYk2bTn3wR4pLm5cVd6eF7",
      sub: "Zx8sQ1vYk2bTn3wR4pLm5cVd6eF7",
      email: "ann@shop.example",
      email_verified: true,
      firebase: { identities: { email: ["ann@shop.example"] }, sign_in_provider: "password", tenant: "x" },
    },
    expected: ["Zx8sQ1vYk2bTn3wR4pLm5cVd6eF7", ["subscribe"]],
  },
};

test.each(Object.entries(PROVIDERS))("a token of %s works as the provider writes it", async (_, provider) => {
  const identity = await verdict(provider.row, provider.claims);
  const [subject, scopes] = provider.expected;
  expect(identity).toMatchObject({ tenant: "shop", subject, scopes: new Set(scopes) });
});

test("a mapped audience is checked like aud: another application's token, or one without the claim, fails", async () => {
  const { row, claims } = PROVIDERS["Cognito, access token"]!;
  for (const client_id of ["another", undefined, ["x"], { [row.audience]: 1 }])
    expect(await verdict(row, { ...claims, client_id })).toBe("the token's client_id is not the issuer's audience");
  expect(await verdict(row, { ...claims, client_id: ["x", row.audience] })).toMatchObject({ tenant: "shop" });
  // An ID token of the same application has its audience in aud, and no client_id.
  expect(await verdict(row, { ...claims, client_id: undefined, aud: row.audience })).toMatch("client_id");
});

test("the tenant is the issuer's own: a token need not name it, and cannot name another", async () => {
  const row = { issuer: "https://i.example", audience: "a" };
  const claims = { aud: "a", sub: "u1", scope: "subscribe" };
  expect(await verdict(row, claims)).toMatchObject({ tenant: "shop" });
  expect(await verdict(row, { ...claims, tenant: "shop" })).toMatchObject({ tenant: "shop" });
  expect(await verdict(row, { ...claims, tenant: "other" })).toBe("its issuer does not belong to this tenant");
  expect(await verdict(row, { ...claims, tenant: 5 })).toBe("the token's tenant is not a tenant id");
});

test("without defaultScopes a token without scopes has no rights, and a prefix excludes the provider's own scopes", async () => {
  const row = { issuer: "https://i.example", audience: "a" };
  const scopesOf = async (more: Partial<Row>, claims: object) => {
    const said = await verdict({ ...row, ...more }, { aud: "a", sub: "u1", ...claims });
    return typeof said === "string" ? said : [...said.scopes];
  };
  expect(await scopesOf({}, {})).toEqual([]);
  expect(await scopesOf({ scopePrefix: "n:" }, { scope: "operate m:read N:subscribe n:publish" })).toEqual(["publish"]);
  expect(await scopesOf({ defaultScopes: ["subscribe"] }, { scope: "publish" })).toEqual(["publish", "subscribe"]);
  // Paths reach own members only.
  for (const scopeClaim of ["constructor.name", "__proto__.x", "scope.length", "a.b.c"])
    expect(await scopesOf({ scopeClaim }, { scope: "publish", a: { b: null } })).toEqual([]);
  expect(await scopesOf({}, { scope: { publish: true } })).toBe("the token's scope is neither a string nor a list");
  expect(await scopesOf({}, { scope: [1, ["publish"], "subscribe"] })).toEqual(["subscribe"]);
});

test("R2: iat, exp and nbf are whole seconds, iat is not in the future, and a token's lifetime is limited", async () => {
  const row = { issuer: "https://i.example", audience: "a" };
  const claims = { aud: "a", sub: "u1", scope: "subscribe" };
  const said = async (more: object) => {
    const identity = await verdict(row, { ...claims, ...more });
    return typeof identity === "string" ? identity : "good";
  };
  for (const iat of [undefined, 0, NOW, NOW + 30])
    expect([iat, await said({ iat, exp: NOW + 60 })]).toEqual([
      iat,
      iat === 0 ? expect.stringContaining("more than") : "good",
    ]);
  expect(await said({ iat: NOW + 31 })).toBe("the token's iat is in the future");
  for (const value of [-1, 1.5, NOW + 0.5, 1e300, String(NOW), null, true, {}]) {
    for (const name of ["iat", "nbf", "exp"])
      expect([name, value, await said({ [name]: value })]).not.toContain("good");
  }
  const year = 366 * 24 * 60 * 60;
  expect(await said({ exp: NOW + year })).toBe("good");
  expect(await said({ exp: NOW + year + 1 })).toMatch("more than");
  expect(await said({ iat: undefined, exp: NOW + year + 1 })).toMatch("more than");
});
