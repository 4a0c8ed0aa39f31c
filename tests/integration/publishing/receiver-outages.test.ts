import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startKafkaProxy, startProxy, type Mode, type TcpProxy } from "#tests/support/tcp-proxy.ts";
import { client, item, publishRequests } from "#tests/support/publish-requests.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let receiver: Service;
let token: string;

beforeAll(async () => {
  // The receiver would continue without a Redis that answers late on a busy machine.
  stack = await startStack({ services: ["receiver"], env: { REPEAT_WAIT_MS: "2000" } });
  receiver = stack.services[0]!;
  token = await stack.token({ publisher: "shop" });
});

afterAll(() => stack.close());

const { publish, hold, acceptedFor } = publishRequests(() => ({ stack, receiver, token }));

/** The longest wait of a receiver for Kafka. */
const PATIENT = { ANSWER_MS: "1900", STALL_MS: "1800" };

/** Waits until the given number of requests arrive or wait for their answer. */
const requests = (service: Service, count: number): Promise<void> =>
  expect.poll(() => scrapeMetric(service, "publish_requests"), { interval: 5 }).toBe(count);

describe("repeats", () => {
  test("an Idempotency-Key is published once with the same answer each time; another body is refused", async () => {
    const to = client();
    const headers = { "idempotency-key": `"${randomUUID()}"` };
    const body = [item(to, 1), item(to, 2), item("a b")];
    const first = await publish(body, { headers });
    const again = await publish(body, { headers });
    expect(again.status).toBe(202);
    expect(again.body).toEqual(first.body);
    expect([first, again].map((answer) => answer.headers.get("idempotency-replayed"))).toEqual([null, "true"]);
    expect(await publish([item(to, 3)], { headers })).toMatchObject({
      status: 422,
      body: { type: "/problems/key-reused" },
    });
    expect(await acceptedFor(to)).toHaveLength(2);
  });

  test("an id is published once with equal content, else refused", async () => {
    const to = client();
    const id = randomUUID();
    const first = await publish(item(to, 1, { id }));
    const again = await publish([item(to, 1, { id }), item(to, 2)]);
    expect(again.body).toMatchObject({ accepted: 2, items: [{ id }, {}] });
    expect(first.body.items[0].id).toBe(id);
    expect(await publish(item(to, 9, { id }))).toMatchObject({
      status: 422,
      body: { type: "/problems/id-reused", errors: [{ pointer: "/id" }] },
    });
    expect((await acceptedFor(to)).map(({ payload }) => payload)).toEqual(["1", "2"]);
  });

  test("twenty concurrent requests with one key publish once; each answer is that answer or 409", async () => {
    const to = client();
    const headers = { "idempotency-key": randomUUID() };
    const answers = await Promise.all(Array.from({ length: 20 }, () => publish(item(to), { headers })));
    for (const { status, headers: has, body } of answers) {
      expect([202, 409]).toContain(status);
      expect(status === 202 || (body.type === "/problems/in-progress" && Number(has.get("retry-after")) > 0)).toBe(
        true,
      );
    }
    expect(await acceptedFor(to)).toHaveLength(1);
  });

  test("without Redis publishing continues, is counted, and the ids of a key stay the same", async () => {
    const alone = await stack.start("receiver", { REDIS_URL: "redis://127.0.0.1:1" });
    const to = client();
    const headers = { "idempotency-key": randomUUID() };
    const first = await publish(item(to), { to: alone, headers });
    const again = await publish(item(to), { to: alone, headers });
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body).toEqual(first.body);
    expect(await scrapeMetric(alone, "publish_unguarded_total")).toBe(2);
    expect(new Set((await acceptedFor(to)).map(({ id }) => id)).size).toBe(1);
  });

  test("a hanging Redis delays no caller", async () => {
    const redis = new URL(stack.env.REDIS_URL!);
    const proxy = await startProxy(redis.host);
    const url = Object.assign(new URL(redis), { host: proxy.address }).href;
    const beside = await stack.start("receiver", { REDIS_URL: url, REPEAT_WAIT_MS: "200" });
    const id = randomUUID();
    await expect
      .poll(async () => {
        await publish(item("a", 1, { id: randomUUID() }), { to: beside });
        const before = await scrapeMetric(beside, "publish_unguarded_total");
        await publish(item("a", 1, { id: randomUUID() }), { to: beside });
        return (await scrapeMetric(beside, "publish_unguarded_total")) - before;
      })
      .toBe(0);
    const unguarded = await scrapeMetric(beside, "publish_unguarded_total");
    await proxy.set("hang");
    const answers = [];
    for (let n = 0; n < 5; n += 1) answers.push(await publish(item("a", 1, { id }), { to: beside }));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    expect(await scrapeMetric(beside, "publish_unguarded_total")).toBe(unguarded + 5);
    await proxy.set("pass");
    await beside.stop();
    await proxy.close();
  });
});

describe("while Kafka is away", () => {
  let proxy: TcpProxy;
  let behind: Service;
  beforeAll(async () => {
    proxy = await startKafkaProxy(stack.env.KAFKA_BROKERS!);
    behind = await stack.start("receiver", { KAFKA_BROKERS: proxy.address });
  });
  afterAll(() => proxy.close());

  /** Requests that were refused without an attempt. */
  const refusedAtOnce = (service: Service): Promise<number> =>
    scrapeMetric(service, "publish_refused_total", 'problem="unavailable"');

  test("a receiver starts, is not ready and reports why, and answers 503 at once", async () => {
    const alone = await stack.start("receiver", { KAFKA_BROKERS: "127.0.0.1:1" }, { ready: false });
    const ready = await fetch(`${alone.url}/health/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { missing: { kafka: expect.any(String) } }]);
    expect((await fetch(`${alone.url}/health/live`)).status).toBe(200);
    const answer = await publish(item("a"), { to: alone });
    expect(answer).toMatchObject({ status: 503, body: { type: "/problems/unavailable" } });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refusedAtOnce(alone)).toBe(1);
  });

  test.for<Mode>(["hang", "refuse", "mute"])(
    "%s: answers take at most two seconds, only accepted items are in Kafka, and the receiver recovers",
    async (mode) => {
      await behind.ready();
      const to = Array.from({ length: 8 }, client);
      const told = new Map<string, string>();
      const ended = new AbortController();
      const publisher = async (n: number): Promise<void> => {
        for (let i = 0; !ended.signal.aborted; i += 1) {
          const data = `${n}-${i}`;
          const { status, body } = await publish(item(to[n]!, data), { to: behind });
          told.set(data, status === 202 ? "accepted" : body.type.slice(10));
          if (status !== 202) await sleep(20);
        }
      };
      const publishers = to.map((_, n) => publisher(n));
      const some = (verdict: string, most: number) =>
        expect.poll(() => [...told.values()].filter((value) => value === verdict).length).toBeGreaterThan(most);
      await some("accepted", 10);
      await proxy.set(mode);
      // The send in progress at that moment, and then later ones.
      await some("outcome-unknown", 0);
      await some("unavailable", 100);
      await proxy.set("pass");
      await behind.ready();
      await expect.poll(async () => (await publish(item(client()), { to: behind })).status).toBe(202);
      ended.abort();
      await Promise.all(publishers);
      // As the receiver sent it: a late read is the reader's own delay.
      const answered = await scrapeMetric(behind, "publish_seconds_count");
      expect(await scrapeMetric(behind, "publish_seconds_bucket", 'le="2"')).toBe(answered);
      const found = new Set((await acceptedFor(...to)).map(({ payload }) => JSON.parse(payload) as string));
      expect([...told].filter(([data, verdict]) => verdict === "accepted" && !found.has(data))).toEqual([]);
      expect([...told].filter(([data, verdict]) => verdict === "unavailable" && found.has(data))).toEqual([]);
    },
  );

  test("requests behind an unanswered send are withdrawn and never sent; later ones are refused at once", async () => {
    await behind.ready();
    const to = client();
    await proxy.set("hang");
    const before = await refusedAtOnce(behind);
    const sent = publish(item(to, "sent"), { to: behind });
    await requests(behind, 1);
    // The batching producer does not wait this long.
    await sleep(50);
    const queued = publish(item(to, "queued"), { to: behind });
    await requests(behind, 2);
    await expect.poll(async () => (await fetch(`${behind.url}/health/ready`)).status).toBe(503);
    const late = await publish(item(to, "late"), { to: behind });
    expect(late).toMatchObject({ status: 503, body: { type: "/problems/unavailable" } });
    expect(await refusedAtOnce(behind)).toBe(before + 1);
    const [first, second] = await Promise.all([sent, queued]);
    expect([first.body.type, second.body.type]).toEqual(["/problems/outcome-unknown", "/problems/unavailable"]);
    await proxy.set("pass");
    await behind.ready();
    expect((await publish(item(to, "after"), { to: behind })).status).toBe(202);
    const found = (await acceptedFor(to)).map(({ payload }) => JSON.parse(payload) as string);
    expect(new Set(found)).toEqual(new Set(["sent", "after"]));
  });

  test("an unknown outcome blocks its id and key until it is known to be over; a refusal frees them at once", async () => {
    await behind.ready();
    const headers = { "idempotency-key": randomUUID() };
    await proxy.set("mute");
    const unknown = await publish(item("k"), { to: behind, headers });
    expect(unknown).toMatchObject({
      status: 503,
      body: { type: "/problems/outcome-unknown", items: [{ index: 0, id: expect.any(String) }] },
    });
    const free = { "idempotency-key": randomUUID() };
    expect(await publish(item("k"), { to: behind, headers: free })).toMatchObject({
      status: 503,
      body: { type: "/problems/unavailable" },
    });
    await proxy.set("pass");
    await behind.ready();
    expect(await publish(item("k"), { headers })).toMatchObject({ status: 409 });
    expect(await publish(item("k"), { headers: free })).toMatchObject({ status: 202 });
  });
});

describe("bounds and the end", () => {
  test("requests or bytes over the receiver's limits are 503 and counted, and all others continue", async () => {
    const small = await stack.start("receiver", { MAX_REQUESTS: "3", MAX_QUEUED_BYTES: "100000" });
    // Two tenants: one alone would be refused at its share, before the receiver is full.
    const other = await stack.token({ publisher: "tests", tenant: "other" });
    const held = [undefined, other].map((of) => hold(small, "x".repeat(45_000), of));
    await expect.poll(() => scrapeMetric(small, "publish_body_bytes"), { interval: 5 }).toBeGreaterThan(90_000);
    const bytes = await publish(item("a", "x".repeat(20_000)), { to: small }).catch(() => undefined);
    expect(bytes?.body.type ?? "/problems/busy").toBe("/problems/busy");
    held.push(hold(small, "x"));
    await requests(small, 3);
    const fourth = await publish(item("a"), { to: small });
    expect(fourth).toMatchObject({ status: 503, body: { type: "/problems/busy" } });
    expect(Number(fourth.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await scrapeMetric(small, "publish_busy_total", 'bound="requests"')).toBe(1);
    expect(await scrapeMetric(small, "publish_busy_total", 'bound="bytes"')).toBe(1);
    expect(await Promise.all(held.map((one) => one.finish()))).toEqual([202, 202, 202]);
    expect((await publish(item("a"), { to: small })).status).toBe(202);
    expect(await scrapeMetric(small, "publish_requests")).toBe(0);
    expect(await scrapeMetric(small, "publish_body_bytes")).toBe(0);
    await small.stop();
  });

  test("SIGTERM: requests in flight are answered", async () => {
    const proxy = await startKafkaProxy(stack.env.KAFKA_BROKERS!);
    const ending = await stack.start("receiver", { KAFKA_BROKERS: proxy.address, ...PATIENT });
    await proxy.set("hang");
    const held = Array.from({ length: 5 }, () => publish(item("a"), { to: ending }));
    await requests(ending, 5);
    const exit = ending.stop();
    await ending.logged(({ msg }) => msg === "ending");
    await proxy.set("pass");
    expect(await exit).toEqual({ code: 0, signal: null });
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    await proxy.close();
  });

  test("SIGTERM under load: the receiver ends cleanly, and every 202 is in Kafka", async () => {
    const ending = await stack.start("receiver");
    const to = Array.from({ length: 16 }, client);
    const accepted = new Set<string>();
    let cut = 0;
    const publisher = async (n: number): Promise<void> => {
      for (let i = 0; ; i += 1) {
        try {
          const batch = Array.from({ length: 20 }, (_, k) => item(to[n]!, `${n}-${i}-${k}`));
          const { status, body } = await publish(batch, { to: ending });
          if (status !== 202) return;
          for (const { index } of body.items) accepted.add(`${n}-${i}-${index}`);
        } catch {
          cut += 1;
          return;
        }
      }
    };
    const publishers = to.map((_, n) => publisher(n));
    await expect.poll(() => accepted.size).toBeGreaterThan(1_000);
    expect(await ending.stop()).toEqual({ code: 0, signal: null });
    await Promise.all(publishers);
    expect(cut).toBeLessThanOrEqual(to.length);
    const found = new Set((await acceptedFor(...to)).map(({ payload }) => JSON.parse(payload) as string));
    expect([...accepted].filter((data) => !found.has(data))).toEqual([]);
  });
});
