import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ConsoleApi } from "#tests/support/console-api.ts";
import { startIdentityProvider } from "#tests/support/identity-provider.ts";
import { publishRequests } from "#tests/support/publish-requests.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { connects, newTenant, publishes, startTenancy } from "#tests/support/tenants.ts";

/** R51: an Idempotency-Key belongs to its publisher. */
let stack: Stack;
let receiver: Service;
let distributor: Service;
let operator: ConsoleApi;

beforeAll(async () => {
  ({ stack, receiver, distributor, operator } = await startTenancy());
});

afterAll(() => stack.close());

const { publish } = publishRequests(() => ({ stack, receiver, token: "" }));

/** The same request of several publishers. */
const order = (client: string, key: string, more: object = {}) => {
  const body = { to: { client }, data: { order: 1 }, ...more };
  return async (token: string) => {
    const answer = await publish(body, { headers: { authorization: `Bearer ${token}`, "idempotency-key": key } });
    const { status, headers } = answer;
    const id = answer.body.items?.[0]?.id as string | undefined;
    return { status, id, replayed: headers.get("idempotency-replayed"), type: answer.body.type as string | undefined };
  };
};

/** The ids of a client's notifications, once the last of them has arrived. */
async function received(token: string, last: string): Promise<string[]> {
  const ids: string[] = [];
  let cursor = "";
  while (!ids.includes(last)) {
    const response = await fetch(`${distributor.url}/v1/poll?wait=10&cursor=${cursor}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(30_000),
    });
    const answer = (await response.json()) as { notifications: { id: string }[]; cursor: string };
    ids.push(...answer.notifications.map(({ id }) => id));
    ({ cursor } = answer);
  }
  return ids;
}

test("R51: one key of several publishers in a tenant, by issuer or API key, delivers each under its own id", async () => {
  const provider = await startIdentityProvider();
  const client = "order-everyone";
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
  try {
    await operator.does("PUT", "/acme/issuers/own", provider.row);
    const { key } = await operator.does("POST", "/acme/keys", { name: "checkout", scopes: ["publish"] });
    const tokens = [
      await stack.token({ publisher: "shop" }),
      await stack.token({ publisher: "crm" }),
      await provider.token({ tenant: "acme", sub: "shop", scope: "publish" }),
      key as string,
    ];
    for (const token of tokens) await expect.poll(() => publishes(receiver, token, "ready")).toBe(202);
    await subscriber.connect(distributor);
    const send = order(client, `order-${randomUUID()}`);
    const first = [];
    for (const token of tokens) first.push(await send(token));
    expect(first.map(({ status, replayed }) => [status, replayed])).toEqual(tokens.map(() => [202, null]));
    expect(new Set(first.map(({ id }) => id)).size).toBe(tokens.length);
    // Another token of the same publisher is the same publisher.
    tokens[0] = await stack.token({ publisher: "shop" });
    for (const [n, token] of tokens.entries()) expect(await send(token)).toEqual({ ...first[n], replayed: "true" });
    const last = await order(client, `last-${randomUUID()}`)(tokens[0]);
    await subscriber.until("the last is here", () => subscriber.received.at(-1)?.id === last.id);
    expect(subscriber.received.map(({ id }) => id)).toEqual([...first, last].map(({ id }) => id));
  } finally {
    await subscriber.close();
    provider.close();
  }
});

test("R51: a publisher's own id belongs to its tenant: equal content is a repeat, other content is refused", async () => {
  const [shop, crm] = [await stack.token({ publisher: "shop" }), await stack.token({ publisher: "crm" })];
  const id = randomUUID();
  const send = order("order-by-id", randomUUID(), { id });
  expect(await send(shop)).toMatchObject({ status: 202, id, replayed: null });
  expect(await send(crm)).toMatchObject({ status: 202, id, replayed: "true" });
  const other = order("order-by-id", randomUUID(), { id, data: 2 });
  for (let n = 0; n < 2; n += 1) expect(await other(crm)).toMatchObject({ status: 422, type: "/problems/id-reused" });
});

test("R51: a key first used by a publisher without a grant works for others, and for that publisher once granted", async () => {
  const tenant = await newTenant(operator, "widened", "grants");
  const grant = (name: string, clients?: string[]): Promise<unknown> =>
    operator.does("PUT", `/${tenant}/grants/${name}`, {
      role: "publisher",
      subjects: [name],
      ...(clients && { clients }),
    });
  await grant("narrow", ["a*"]);
  await grant("wide");
  await operator.does("PUT", `/${tenant}/grants/apps`, { role: "subscriber", subjects: ["*"] });
  const [narrow, wide] = [
    await stack.token({ publisher: "narrow", tenant }),
    await stack.token({ publisher: "wide", tenant }),
  ];
  const bob = await stack.token({ client: "bob", tenant });
  await expect.poll(() => connects(distributor, bob)).toBe(200);
  await expect.poll(() => publishes(receiver, narrow, "a1")).toBe(202);
  await expect.poll(() => publishes(receiver, wide, "a1")).toBe(202);
  const id = randomUUID();
  for (const send of [order("bob", `order-${randomUUID()}`), order("bob", `order-${randomUUID()}`, { id })]) {
    for (let n = 0; n < 2; n += 1)
      expect(await send(narrow)).toMatchObject({ status: 403, type: "/problems/client-forbidden" });
  }
  const key = `order-${randomUUID()}`;
  const send = order("bob", key);
  expect(await send(narrow)).toMatchObject({ status: 403 });
  const accepted = await send(wide);
  expect(accepted).toMatchObject({ status: 202, replayed: null });
  await grant("narrow", ["a*", "bob"]);
  await expect.poll(async () => (await send(narrow)).status).toBe(202);
  const widened = await send(narrow);
  expect(widened.id).not.toBe(accepted.id);
  expect(await received(bob, widened.id!)).toEqual([accepted.id, widened.id]);

  // An accepted request stays accepted for its publisher when the grant narrows again.
  await grant("narrow", ["a*"]);
  await expect.poll(() => publishes(receiver, narrow, "bob2")).toBe(403);
  await expect.poll(() => publishes(receiver, narrow, "bob")).toBe(403);
  expect(await send(narrow)).toEqual({ ...widened, replayed: "true" });
});
