import { afterAll, beforeAll, expect, test } from "vitest";
import { TENANT_ROW, tenantRow } from "@saasaparilla/shared/auth/policies/schema.ts";
import { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startProxy, type TcpProxy } from "#tests/support/tcp-proxy.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

/** A rate so slow that no test waits for a refill. */
const RATES = {
  TENANT_PUBLISH_RATE: "0.001",
  TENANT_PUBLISH_BURST: "30",
  PUBLISHER_RATE: "0.001",
  PUBLISHER_BURST: "20",
};

let stack: Stack;
let proxy: TcpProxy;
let receivers: [Service, Service];

beforeAll(async () => {
  stack = await startStack({ env: { TENANTS: "acme,other,many,large,away,own,alone,rich,wide,huge,awry" } });
  const redis = new URL(stack.env.REDIS_URL!);
  proxy = await startProxy(redis.host);
  const url = Object.assign(new URL(redis), { host: proxy.address }).href;
  // A Redis that answers late on a busy machine must not count as away.
  const env = { ...RATES, REDIS_URL: url, RATE_WAIT_MS: "2000", ACCESS_REFRESH_MS: "50" };
  receivers = [await stack.start("receiver", env), await stack.start("receiver", env)];
});

afterAll(async () => {
  await stack.close();
  await proxy.close();
});

async function writeTenant(tenant: string, limits: Record<string, number>): Promise<void> {
  const postgres = connectPostgres(stack.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "warn"),
    health: new Health([]),
    connections: 1,
  });
  const value = tenantRow.parse({ trust: "scopes", limits });
  await new PolicyStore(postgres, stack.namespace).write({ kind: "tenant", tenant, id: TENANT_ROW, value });
  await postgres.close();
}

const publish = (to: Service, token: string, count: number) =>
  post(to, token, JSON.stringify(Array.from({ length: count }, (_, n) => ({ to: { client: "u1" }, data: n }))));

async function post(to: Service, token: string, body: string) {
  const response = await fetch(`${to.url}/v1/notifications`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body,
  });
  const { status, headers } = response;
  const left = [...(headers.get("ratelimit") ?? "").matchAll(/"(\w+)";r=(\d+)/g)].map(([, name, r]) => `${name} ${r}`);
  return {
    status,
    headers,
    left,
    bytesLeft: Number(/"tenant-bytes";r=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1]),
    body: (await response.json()) as { type?: string; detail?: string; retryAfter?: number },
  };
}

/** One notification in a body of the given number of bytes. */
function bodyOf(bytes: number): string {
  const empty = JSON.stringify({ to: { client: "u1" }, data: "" });
  return empty.replace('""', `"${"x".repeat(bytes - empty.length)}"`);
}

/** A publisher of a tenant with this byte limit, once both receivers know it. */
async function byteLimited(tenant: string, publishByteRate: number, publishByteBurst: number): Promise<string> {
  await writeTenant(tenant, { publishBurst: 1_000, publisherBurst: 1_000, publishByteRate, publishByteBurst });
  const token = await stack.token({ publisher: "bytes", tenant });
  for (const receiver of receivers)
    await expect
      .poll(async () => (await post(receiver, token, "{}")).headers.get("ratelimit-policy"))
      .toContain(`"tenant-bytes";q=${publishByteBurst};`);
  return token;
}

test("rates of a tenant and its publishers count notifications over all receivers; a request passes whole or not at all", async () => {
  const [one, two] = await Promise.all(["one", "two"].map((publisher) => stack.token({ publisher })));
  const first = await publish(receivers[0], one!, 15);
  expect([first.status, first.left]).toEqual([202, ["tenant 15", "publisher 5"]]);
  expect(first.headers.get("ratelimit-policy")).toBe(
    '"tenant";q=30;w=30000, "publisher";q=20;w=20000, "tenant-bytes";q=41943040;w=2;qu="content-bytes"',
  );
  const refused = await publish(receivers[1], one!, 10);
  expect([refused.status, refused.body.type, refused.left]).toEqual([
    429,
    "/problems/rate-limited",
    ["tenant 15", "publisher 5"],
  ]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(4_000);
  expect(refused.body.retryAfter).toBe(Number(refused.headers.get("retry-after")));
  expect(await scrapeMetric(receivers[1], "publish_limited_total", 'limit="publisher"')).toBe(1);
  const second = await publish(receivers[1], two!, 10);
  expect([second.status, second.left]).toEqual([202, ["tenant 5", "publisher 10"]]);
  expect(await publish(receivers[0], two!, 6)).toMatchObject({ status: 429, left: ["tenant 5", "publisher 10"] });
  expect(await scrapeMetric(receivers[0], "publish_limited_total", 'limit="tenant"')).toBe(1);
  // Another tenant has its full rate.
  const other = await stack.token({ publisher: "one", tenant: "other" });
  expect(await publish(receivers[0], other, 20)).toMatchObject({ status: 202, left: ["tenant 10", "publisher 0"] });
});

test("concurrent requests of one publisher count one by one: only as many pass as the rate allows", async () => {
  const token = await stack.token({ publisher: "many", tenant: "many" });
  const answers = await Promise.all(Array.from({ length: 60 }, (_, n) => publish(receivers[n % 2]!, token, 1)));
  expect(answers.filter(({ status }) => status === 202)).toHaveLength(20);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(40);
  const left = answers.flatMap((answer) => (answer.status === 202 ? answer.left[1]! : []));
  expect(new Set(left).size).toBe(20);
});

test("a request above the bucket size passes a full bucket, and later requests wait", async () => {
  const token = await stack.token({ publisher: "large", tenant: "large" });
  expect(await publish(receivers[0], token, 100)).toMatchObject({ status: 202, left: ["tenant 0", "publisher 0"] });
  expect(await publish(receivers[0], token, 1)).toMatchObject({ status: 429 });
});

test("each receiver counts alone with full rates while Redis is away, and together once it is back", async () => {
  const token = await stack.token({ publisher: "away", tenant: "away" });
  expect(await publish(receivers[0], token, 12)).toMatchObject({ status: 202 });
  await proxy.set("refuse");
  for (const receiver of receivers) {
    expect(await publish(receiver, token, 15)).toMatchObject({ status: 202, left: ["tenant 15", "publisher 5"] });
    expect(await publish(receiver, token, 10)).toMatchObject({ status: 429, left: ["tenant 15", "publisher 5"] });
    expect(await scrapeMetric(receiver, "publish_limited_alone_total")).toBeGreaterThanOrEqual(2);
  }
  await proxy.set("pass");
  const back = async () => (await publish(receivers[1], token, 16)).left;
  // The receiver's count equals the bucket in Redis.
  await expect.poll(back).toEqual(["tenant 18", "publisher 8"]);
});

test("an address over its refusal rate is turned away, and a good publisher there continues", async () => {
  const alone = await stack.start("receiver", { REFUSED_RATE: "0.001", REFUSED_BURST: "3" });
  const good = await stack.token({ publisher: "good", tenant: "alone" });
  expect((await publish(alone, good, 1)).status).toBe(202);
  const statuses = [];
  for (let n = 0; n < 5; n += 1) statuses.push((await publish(alone, `x.y.${n}`, 1)).status);
  expect(statuses).toEqual([403, 403, 403, 429, 429]);
  expect((await publish(alone, good, 1)).status).toBe(202);
  expect((await publish(alone, "x.y.6", 1)).status).toBe(429);
  expect(await scrapeMetric(alone, "publish_limited_total", 'limit="address"')).toBe(3);
});

test("receivers with tokens to spare count together later, and no debt is lost", async () => {
  const token = await stack.token({ publisher: "rich", tenant: "rich" });
  const limits = { publishBurst: 10_000, publisherBurst: 10_000 };
  await writeTenant("rich", limits);
  let sent = 0;
  /** The tenant's bucket and the tokens taken from it, as this receiver knows them. */
  const sum = async (to: Service, count: number): Promise<number> => {
    const { status, left } = await publish(to, token, count);
    if (status === 202) sent += count;
    return Number(/\d+/.exec(left[0]!)![0]) + sent;
  };
  const known = () => sum(receivers[0], 1);
  await expect.poll(known).toBe(10_000);
  for (let n = 0; n < 40; n += 1) await sum(receivers[n % 2]!, 5);
  expect(sent).toBeGreaterThan(200);
  await expect.poll(known).toBe(10_000);
});

test("a tenant's own row sets its rate, and applies once it is read", async () => {
  const token = await stack.token({ publisher: "own", tenant: "own" });
  await writeTenant("own", { publishRate: 7, publisherBurst: 1_000 });
  const policy = async () => (await publish(receivers[0], token, 1)).headers.get("ratelimit-policy");
  await expect
    .poll(policy)
    .toBe('"tenant";q=30;w=5, "publisher";q=1000;w=1000000, "tenant-bytes";q=41943040;w=2;qu="content-bytes"');
});

test("R53: a tenant's body bytes count over all receivers, for refused bodies, too", async () => {
  const token = await byteLimited("wide", 0.001, 3_000);
  const start = (await post(receivers[0], token, bodyOf(1_000))).bytesLeft;
  expect(start).toBeLessThanOrEqual(2_000);
  const refused = await post(receivers[1], token, bodyOf(2_500));
  expect(refused).toMatchObject({ status: 429, bytesLeft: start, body: { type: "/problems/rate-limited" } });
  expect(refused.body.detail).toContain("too many bytes");
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(1_000);
  expect(await scrapeMetric(receivers[1], "publish_limited_total", 'limit="tenant-bytes"')).toBe(1);
  expect(await post(receivers[1], token, bodyOf(700))).toMatchObject({ status: 202, bytesLeft: start - 700 });
  const wrong = `{"no":"${"x".repeat(291)}"}`;
  expect(await post(receivers[0], token, wrong)).toMatchObject({ status: 400, bytesLeft: start - 1_000 });
  const broken = "x".repeat(200);
  expect(await post(receivers[0], token, broken)).toMatchObject({ status: 400, bytesLeft: start - 1_200 });
});

test("R53: a request above the byte bucket passes a full bucket, and later requests wait", async () => {
  const token = await byteLimited("huge", 2_000, 2_000);
  await expect.poll(async () => (await post(receivers[0], token, bodyOf(5_000))).status).toBe(202);
  const early = await post(receivers[1], token, bodyOf(100));
  expect(early).toMatchObject({ status: 429, bytesLeft: 0 });
  await expect.poll(async () => (await post(receivers[1], token, bodyOf(100))).status, { timeout: 10_000 }).toBe(202);
});

test("each receiver counts a tenant's bytes alone without Redis", async () => {
  const token = await byteLimited("awry", 0.001, 5_000);
  await proxy.set("refuse");
  try {
    for (const receiver of receivers) {
      expect(await post(receiver, token, bodyOf(3_000))).toMatchObject({ status: 202, bytesLeft: 2_000 });
      expect(await post(receiver, token, bodyOf(3_000))).toMatchObject({ status: 429, bytesLeft: 2_000 });
    }
  } finally {
    await proxy.set("pass");
  }
});
