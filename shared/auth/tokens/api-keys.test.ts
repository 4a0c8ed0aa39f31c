import { expect, test } from "vitest";
import { Policies } from "#auth/policies/policies.ts";
import { identityOfKey, idOf, isApiKey, newApiKey } from "./api-keys.ts";

function accessWith({ id, hash }: { id: string; hash: string }): Policies {
  const value = { hash, name: "shop", scopes: ["publish"], clients: ["*"], created: 1, expires: null };
  const policies = new Policies();
  policies.apply([{ kind: "key", tenant: "acme", id, value }]);
  return policies;
}

test("a key names its environment, and the refusal in another environment names it", () => {
  const key = newApiKey("staging");
  expect(key.token).toMatch(/^ssp_staging_[0-9a-f]{16}_[\w-]{43}$/);
  expect([isApiKey(key.token), idOf(key.token)]).toEqual([true, key.id]);
  const policies = accessWith(key);
  expect(identityOfKey(key.token, policies, "staging")).toMatchObject({ tenant: "acme", subject: `key:${key.id}` });
  expect(() => identityOfKey(key.token, policies, "live")).toThrow('for the environment "staging", and this is "live"');
});

test("a key of an earlier version names no environment, and is good everywhere", () => {
  const key = newApiKey("live");
  const old = key.token.replace("ssp_live_", "sk_");
  expect(isApiKey(old)).toBe(true);
  for (const environment of ["live", "test"])
    expect(identityOfKey(old, accessWith(key), environment)).toMatchObject({ tenant: "acme" });
});
