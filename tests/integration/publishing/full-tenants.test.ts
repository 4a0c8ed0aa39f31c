import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TENANT_ROW, tenantRow } from "@saasaparilla/shared/auth/policies/schema.ts";
import { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { connectPostgres, type Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { counted } from "#tests/support/tenant-counters.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

let stack: Stack;
let receiver: Service;
let distributor: Service;
let desk: Service;
let postgres: Postgres;

beforeAll(async () => {
  const env = { DRAIN_MS: "0", SWEEP_MS: "200", TENANTS: "bytes,clients,ttl,kill,other" };
  stack = await startStack({ services: ["receiver", "director", "distributor", "console"], env });
  [receiver, , distributor, desk] = stack.services as [Service, Service, Service, Service];
  postgres = connectPostgres(stack.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "warn"),
    health: new Health([]),
    connections: 4,
  });
});

afterAll(async () => {
  await postgres.close();
  await stack.close();
});

async function limit(tenant: string, limits: Record<string, number>): Promise<void> {
  const value = tenantRow.parse({ trust: "scopes", limits });
  await new PolicyStore(postgres, stack.namespace).write({ kind: "tenant", tenant, id: TENANT_ROW, value });
}

interface Item {
  id: string;
  to: { client: string };
  ttl?: number;
  data: string;
}

const itemOf = (client: string, data = "", ttl?: number): Item => ({
  id: randomUUID(),
  to: { client },
  ...(ttl !== undefined && { ttl }),
  data,
});

async function publish(tenant: string, items: Item[]) {
  const response = await fetch(`${receiver.url}/v1/notifications`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${await stack.token({ publisher: "tests", tenant })}`,
    },
    body: JSON.stringify(items),
  });
  const { status, headers } = response;
  return { status, headers, body: (await response.json()) as { type?: string; detail?: string; accepted?: number } };
}

const refusedAt = (bound: string): Promise<number> =>
  scrapeMetric(receiver, "publish_limited_total", `limit="${bound}"`);
/** Waits until a tenant is full, or no longer full. */
const isFull = (full: boolean): Promise<void> =>
  expect.poll(() => scrapeMetric(receiver, "tenants_full"), { timeout: 30_000, interval: 50 }).toBe(full ? 1 : 0);

async function read(tenant: string, client: string, count: number): Promise<Subscriber> {
  const subscriber = await Subscriber.of(stack, { client, tenant, transport: "websocket" });
  await subscriber.connect(distributor);
  await subscriber.until("all is here", () => subscriber.received.length === count);
  return subscriber;
}

test("R56: a tenant over its stored bytes is refused for every client until they read; accepted notifications stay", async () => {
  await limit("bytes", { storedBytes: 50_000 });
  const first = Array.from({ length: 12 }, () => itemOf("away", "x".repeat(5_000)));
  expect((await publish("bytes", first)).body).toMatchObject({ accepted: 12 });
  await isFull(true);
  const refused = itemOf("another");
  const answer = await publish("bytes", [refused]);
  expect(answer).toMatchObject({ status: 429, body: { type: "/problems/tenant-full" } });
  expect(answer.body.detail).toContain("bytes");
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(answer.headers.get("ratelimit-policy")).toContain('"tenant-bytes"');
  expect(await refusedAt("stored-bytes")).toBe(1);
  // A repeat of an accepted item has its verdict, beside refused items.
  expect(await publish("bytes", [first[0]!, itemOf("another")])).toMatchObject({ status: 202, body: { accepted: 1 } });
  // Another tenant continues.
  expect((await publish("other", [itemOf("u")])).status).toBe(202);
  await receiver.logged(({ msg, tenant }) => msg === "Tenant refused at its limits" && tenant === "bytes");
  await expect
    .poll(async () => (await usageBy("bytes"))[0])
    .toMatchObject({ tenant: "bytes", stored: { notifications: 12, clients: 1, full: "bytes" } });

  const subscriber = await read("bytes", "away", first.length);
  expect(subscriber.received.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
  await isFull(false);
  expect((await publish("bytes", [refused])).status).toBe(202);
  await subscriber.close();
  await expect.poll(async () => (await counted(postgres, stack.namespace, "bytes")).are[0]).toBe(1);
  const { said, are } = await counted(postgres, stack.namespace, "bytes");
  expect(said).toEqual(are);
});

test("R56: a tenant over its number of stored clients is refused until one client has read", async () => {
  await limit("clients", { storedClients: 5 });
  const items = Array.from({ length: 5 }, (_, n) => itemOf(`c${n}`));
  expect((await publish("clients", items)).body).toMatchObject({ accepted: 5 });
  await isFull(true);
  const answer = await publish("clients", [itemOf("c0")]);
  expect(answer).toMatchObject({ status: 429, body: { type: "/problems/tenant-full" } });
  expect(answer.body.detail).toContain("clients");
  expect(await refusedAt("stored-clients")).toBe(1);
  await (await read("clients", "c0", 1)).close();
  await isFull(false);
  expect((await publish("clients", [itemOf("c1")])).status).toBe(202);
});

test("R56: expired rows make room, and so does a higher limit", async () => {
  await limit("ttl", { storedBytes: 20_000 });
  // Longer than a director needs to notice the bound, so that the tenant is full before the rows expire.
  await publish("ttl", [...Array.from({ length: 5 }, () => itemOf("away", "x".repeat(5_000), 5)), itemOf("away")]);
  await isFull(true);
  expect((await publish("ttl", [itemOf("away")])).status).toBe(429);
  await isFull(false);
  expect((await publish("ttl", [itemOf("away", "x".repeat(30_000))])).status).toBe(202);
  await isFull(true);
  await limit("ttl", { storedBytes: 1_000_000 });
  await isFull(false);
  expect((await publish("ttl", [itemOf("away")])).status).toBe(202);
});

test("counters stay exact when a director is killed, and for the next owner of its partitions", async () => {
  const doomed = await stack.start("director");
  const clients = Array.from({ length: 200 }, (_, n) => `k${n}`);
  const waves = async (count: number): Promise<void> => {
    for (let wave = 0; wave < count; wave += 1)
      expect(
        (
          await publish(
            "kill",
            clients.map((client) => itemOf(client, randomBytes(50).toString("hex"))),
          )
        ).status,
      ).toBe(202);
  };
  await waves(5);
  const published = waves(15);
  doomed.kill("SIGKILL");
  await published;
  const total = clients.length * 20;
  await expect
    .poll(async () => (await counted(postgres, stack.namespace, "kill")).are[0], { timeout: 60_000 })
    .toBe(total);
  const { said, are } = await counted(postgres, stack.namespace, "kill");
  expect(said).toEqual(are);
  const usage = async () => (await usageBy("clients")).find(({ tenant }) => tenant === "kill")?.stored;
  await expect.poll(usage, { timeout: 30_000 }).toMatchObject({ notifications: total, clients: clients.length });
  await Promise.all(clients.slice(0, 20).map(async (client) => (await read("kill", client, 20)).close()));
  await expect
    .poll(async () => (await counted(postgres, stack.namespace, "kill")).said[0], { timeout: 30_000 })
    .toBe(total - 400);
  expect((await counted(postgres, stack.namespace, "kill")).said).toEqual(
    (await counted(postgres, stack.namespace, "kill")).are,
  );
  await expect.poll(usage, { timeout: 30_000 }).toMatchObject({ clients: clients.length - 20 });
}, 120_000);

async function usageBy(by: string, bearer?: string): Promise<{ tenant: string; stored: object }[]> {
  const token = bearer ?? (await stack.token({ publisher: "operator", scope: "read" }));
  const response = await fetch(`${desk.url}/v1/loudest-tenants?by=${by}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const body = (await response.json()) as { items: { tenant: string; stored: object }[] };
  expect([response.status, body]).toMatchObject([200, {}]);
  return body.items;
}

test("only operators see the loudest tenants, in bounded number", async () => {
  await limit("other", { publishRate: 0.001, publishBurst: 50 });
  // Until the receiver has read the limit.
  await expect
    .poll(
      async () =>
        (
          await publish(
            "other",
            Array.from({ length: 40 }, () => itemOf("u")),
          )
        ).status,
      { interval: 50 },
    )
    .toBe(429);
  await expect
    .poll(async () => {
      await publish(
        "other",
        Array.from({ length: 40 }, () => itemOf("u")),
      );
      return (await usageBy("refused"))[0];
    })
    .toMatchObject({ tenant: "other", refused: { tenant: expect.any(Number) as number } });
  const ask = async (query: string, token: string) => {
    const response = await fetch(`${desk.url}/v1/loudest-tenants${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return { status: response.status, body: (await response.json()) as { items?: unknown[]; detail?: string } };
  };
  const operator = await stack.token({ publisher: "operator", scope: "read" });
  expect((await ask("?limit=1", operator)).body.items).toHaveLength(1);
  expect(await ask("?limit=101", operator)).toMatchObject({
    status: 400,
    body: { detail: "limit must be a number from 1 to 100." },
  });
  expect(await ask("?by=name", operator)).toMatchObject({ status: 400 });
  expect(await ask("", await stack.token({ publisher: "own", tenant: "other", scope: "publish" }))).toMatchObject({
    status: 403,
  });
});
