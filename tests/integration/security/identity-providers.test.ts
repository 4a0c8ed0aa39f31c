import { randomBytes } from "node:crypto";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { ConsoleApi } from "#tests/support/console-api.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startOpenIdProvider } from "#tests/support/openid-provider.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { connects, newTenant, publishes, startTenancy } from "#tests/support/tenants.ts";

let stack: Stack;
let receiver: Service;
let distributor: Service;
let operator: ConsoleApi;

beforeAll(async () => {
  const SECRETS_KEY = randomBytes(32).toString("base64");
  ({ stack, receiver, distributor, operator } = await startTenancy({ SECRETS_KEY }));
});

afterAll(() => stack.close());

test("tokens of an OpenID provider work as issued: for a service, and for a user after sign-in", async () => {
  const provider = await startOpenIdProvider();
  onTestFinished(() => provider.close());
  const tenant = await newTenant(operator, "openid");
  await operator.does("PUT", `/${tenant}/issuers/own`, provider.row);
  const service = await provider.forService("notifications:publish");
  const user = await provider.forUser("u1", "notifications:subscribe");
  await expect.poll(() => publishes(receiver, service)).toBe(202);
  await expect.poll(() => connects(distributor, user)).toBe(200);
  expect([await connects(distributor, service), await publishes(receiver, user)]).toEqual([403, 403]);
  const answer = await fetch(`${distributor.url}/v1/poll?wait=10`, { headers: { authorization: `Bearer ${user}` } });
  expect(await answer.json()).toMatchObject({ notifications: [{ data: 1 }] });
  // Every token may subscribe only if the issuer's document allows it.
  const bare = await provider.forUser("u2", "orders:read");
  expect(await connects(distributor, bare)).toBe(403);
  await operator.does("PUT", `/${tenant}/issuers/own`, { ...provider.row, defaultScopes: ["subscribe"] });
  await expect.poll(() => connects(distributor, bare)).toBe(200);
  expect(await publishes(receiver, bare)).toBe(403);
});

test("a tenant's own secret signs HS256 tokens, and another secret replaces it", async () => {
  const tenant = await newTenant(operator, "hs256");
  const row = { issuer: "https://hs256.example", audience: "a", algorithms: ["HS256"] };
  const secrets = ["first", "second"].map((word) => `${word} ${randomBytes(24).toString("hex")}`);
  const token = (secret: string): Promise<string> =>
    new SignJWT({ iss: row.issuer, aud: "a", sub: "u1", scope: "subscribe" })
      .setProtectedHeader({ alg: "HS256" })
      .setIssuedAt()
      .setExpirationTime("5m")
      .sign(Buffer.from(secret));
  const [first, second] = [await token(secrets[0]!), await token(secrets[1]!)];
  await operator.does("PUT", `/${tenant}/issuers/own`, { ...row, secret: secrets[0] });
  await expect.poll(() => connects(distributor, first)).toBe(200);
  expect(await connects(distributor, second)).toBe(403);
  await operator.does("PUT", `/${tenant}/issuers/own`, { ...row, secret: secrets[1] });
  await expect.poll(() => connects(distributor, second)).toBe(200);
  expect(await connects(distributor, first)).toBe(403);
});

test("R19: a replaced key under the same kid makes every distributor close the connections of the old key", async () => {
  const tenant = await newTenant(operator, "swapped");
  const pairs = [await generateKeyPair("ES256"), await generateKeyPair("ES256")];
  const row = async (at: number) => ({
    issuer: "https://swapped.example",
    audience: "a",
    algorithms: ["ES256"],
    jwks: { keys: [{ ...(await exportJWK(pairs[at]!.publicKey)), kid: "same" }] },
  });
  const token = await new SignJWT({ iss: "https://swapped.example", aud: "a", sub: "u1", scope: "subscribe" })
    .setProtectedHeader({ alg: "ES256", kid: "same" })
    .setIssuedAt()
    .setExpirationTime("5m")
    .sign(pairs[0]!.privateKey);
  await operator.does("PUT", `/${tenant}/issuers/own`, await row(0));
  await expect.poll(() => connects(distributor, token)).toBe(200);
  const second = await stack.start("distributor");
  await expect.poll(() => connects(second, token)).toBe(200);
  const closedBefore = await Promise.all([distributor, second].map(withdrawn));
  const open = await Promise.all(
    [distributor, second].flatMap((one) => [overWebSocket(one, token), overSse(one, token)]),
  );
  await operator.does("PUT", `/${tenant}/issuers/own`, await row(1));
  expect(await Promise.all(open.map(({ closed }) => closed))).toEqual([4004, "4004", 4004, "4004"]);
  // The same goes for the loops of their polls.
  for (const [index, one] of [distributor, second].entries())
    await expect.poll(() => withdrawn(one)).toBeGreaterThanOrEqual(closedBefore[index]! + 2);
  expect(await connects(distributor, token)).toBe(403);
});

const withdrawn = (service: Service): Promise<number> =>
  scrapeMetric(service, "connections_closed_total", 'reason="Access was withdrawn"');

async function overWebSocket({ url }: Service, token: string): Promise<{ closed: Promise<unknown> }> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/ws`, ["notifications.v1.json", `bearer.${token}`]);
  const closed = new Promise((done) => socket.addEventListener("close", ({ code }) => done(code)));
  await new Promise((done) => socket.addEventListener("open", done));
  return { closed };
}

async function overSse({ url }: Service, token: string): Promise<{ closed: Promise<unknown> }> {
  const stream = await fetch(`${url}/v1/sse`, { headers: { authorization: `Bearer ${token}` } });
  return { closed: stream.text().then((text) => /"code":(\d+)/.exec(text)?.[1]) };
}
