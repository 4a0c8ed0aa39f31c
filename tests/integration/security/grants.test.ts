import { afterAll, beforeAll, expect, test } from "vitest";
import type { ConsoleApi } from "#tests/support/console-api.ts";
import { startIdentityProvider } from "#tests/support/identity-provider.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { connects, newTenant, publish, publishes, startTenancy } from "#tests/support/tenants.ts";

let stack: Stack;
let receiver: Service;
let distributor: Service;
let operator: ConsoleApi;

beforeAll(async () => {
  ({ stack, receiver, distributor, operator } = await startTenancy());
});

afterAll(() => stack.close());

test("a tenant's issuer counts for that tenant only; its keys come from its own address", async () => {
  const tenant = await newTenant(operator, "idp");
  const issuer = await startIdentityProvider();
  try {
    await operator.does("PUT", `/${tenant}/issuers/own`, issuer.row);
    const good = await issuer.token({ tenant });
    await expect.poll(() => connects(distributor, good)).toBe(200);
    expect(await connects(distributor, await issuer.token({ tenant: "acme" }))).toBe(403);
    expect(await connects(distributor, await issuer.token({ tenant, aud: "notifications" }))).toBe(403);
    await expect.poll(async () => publishes(receiver, await issuer.token({ tenant, scope: "publish" }))).toBe(202);
    // Another tenant cannot have the same issuer.
    expect(await operator.ask("PUT", "/acme/issuers/theft", issuer.row)).toMatchObject({ status: 409 });
    await operator.does("DELETE", `/${tenant}/issuers/own`);
    await expect.poll(() => connects(distributor, good)).toBe(403);
  } finally {
    issuer.close();
  }
});

test("grants state each right in a tenant that does not trust scopes, and explain-access gives the reasons", async () => {
  const tenant = await newTenant(operator, "grants", "grants");
  const shop = await stack.token({ publisher: "shop", tenant });
  const u1 = await stack.token({ client: "u1", tenant });
  await operator.does("PUT", `/${tenant}/grants/apps`, { role: "subscriber", subjects: ["u*"] });
  await expect.poll(() => connects(distributor, u1)).toBe(200);
  expect(await connects(distributor, await stack.token({ client: "v1", tenant }))).toBe(403);
  expect(await publishes(receiver, shop)).toBe(403);
  await operator.does("PUT", `/${tenant}/grants/shop`, { role: "publisher", subjects: ["shop"], clients: ["u1"] });
  await expect.poll(() => publishes(receiver, shop)).toBe(202);
  expect((await publish(receiver, shop, "u2")).status).toBe(403);

  const why = (asked: object) => operator.does("POST", `/${tenant}/explain-access`, asked);
  expect(await why({ token: shop, scope: "publish", client: "u1" })).toMatchObject({ allowed: true, subject: "shop" });
  const no = await why({ token: shop, scope: "publish", client: "u2" });
  expect(no.allowed).toBe(false);
  expect((no.checks as { holds: boolean; why?: string }[]).filter(({ holds }) => !holds)).toMatchObject([
    { why: 'none of its client patterns matches "u2"' },
  ]);
  expect(await why({ subject: "v1", scopes: ["subscribe"], scope: "subscribe" })).toMatchObject({ allowed: false });
  expect(await why({ token: `${shop.slice(0, -4)}AAAA`, scope: "publish" })).toMatchObject({ allowed: false });
  // Another tenant's credentials reveal nothing: neither their validity nor the existence of a key.
  const { id, key } = await operator.does("POST", "/acme/keys", { name: "other's", scopes: ["publish"] });
  await expect.poll(() => publishes(receiver, key as string)).toBe(202);
  const wrongKeys = [`sk_${String(id)}_${"a".repeat(43)}`, `sk_${"0".repeat(16)}_${"a".repeat(43)}`];
  const others = [await stack.token({ client: "u1" }), await stack.token({ client: "u1", ttl: -60 }), key as string];
  const told = async (token: string) => (await why({ token, scope: "subscribe" })).checks;
  for (const token of others) expect(await told(token)).toMatchObject([{ why: "it belongs to another tenant" }]);
  for (const token of wrongKeys) expect(await told(token)).toMatchObject([{ why: "there is no such key" }]);
});

test("the grants of a tenant name a bounded number of subjects and clients, because each check reads them", async () => {
  const tenant = await newTenant(operator, "many", "grants");
  const hundred = (of: string) => Array.from({ length: 100 }, (_, n) => `${of}${n}*`);
  const grant = { role: "publisher", subjects: hundred("s"), clients: hundred("c") };
  for (let n = 0; n < 10; n += 1) await operator.does("PUT", `/${tenant}/grants/g${n}`, grant);
  expect(
    await operator.ask("PUT", `/${tenant}/grants/g10`, { ...grant, subjects: ["s"], clients: ["c"] }),
  ).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining("2000 subjects, clients and targets") as string },
  });
  await operator.does("PUT", `/${tenant}/grants/g9`, { ...grant, clients: ["c"] });
  await operator.does("PUT", `/${tenant}/grants/g10`, { ...grant, subjects: ["s"], clients: ["c"] });
});
