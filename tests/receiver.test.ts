import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acceptedSchema, problemSchema } from "../services/receiver/openapi.ts";
import { PROBLEMS } from "../services/receiver/problems.ts";
import { readAccepted } from "./accepted.ts";
import { metric } from "./metric.ts";
import { startKafkaProxy, startProxy, type Proxy, type Mode } from "./proxy.ts";
import { startStack, type Service, type Stack } from "./stack.ts";

let stack: Stack;
let receiver: Service;
let token: string;

beforeAll(async () => {
  // A Redis that answers late on a busy machine would be gone on without.
  stack = await startStack({ services: ["receiver"], env: { REPEAT_WAIT_MS: "2000" } });
  receiver = stack.services[0]!;
  token = await stack.token({ publisher: "shop" });
});

afterAll(() => stack.close());

/** As long as a receiver may be told to wait for Kafka. */
const PATIENT = { ANSWER_MS: "1900", STALL_MS: "1800" };

/** Waits until so many are arriving or not answered. */
const requests = (service: Service, count: number): Promise<void> =>
  expect.poll(() => metric(service, "publish_requests"), { interval: 5 }).toBe(count);

interface Answer {
  status: number;
  headers: Headers;
  // Whatever was answered; the tests say what they expect.
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

interface Options {
  to?: Service;
  type?: string;
  headers?: Record<string, string>;
}

async function publish(
  body: unknown,
  { to = receiver, type = "application/json", headers = {} }: Options = {},
): Promise<Answer> {
  const response = await fetch(`${to.url}/v1/notifications`, {
    method: "POST",
    headers: { "content-type": type, authorization: `Bearer ${token}`, ...headers },
    body: typeof body === "string" || body instanceof Uint8Array ? (body as BodyInit) : JSON.stringify(body),
  });
  const text = await response.text();
  const answer = { status: response.status, headers: response.headers, body: JSON.parse(text) };
  // What was answered is what /openapi.json says.
  (answer.status === 202 ? acceptedSchema : problemSchema.strict()).parse(answer.body);
  return answer;
}

/** A request all of which has been sent but its end: it stays in the receiver until `finish`, which answers its status. */
function hold(to: Service, data: string): { finish(): Promise<number | undefined> } {
  const body = Buffer.from(JSON.stringify(item("a", data)));
  const headers = { "content-type": "application/json", "content-length": body.length };
  const asked = request(`${to.url}/v1/notifications`, {
    method: "POST",
    headers: { ...headers, authorization: `Bearer ${token}` },
  });
  const answered = new Promise<number | undefined>((resolve, reject) => {
    asked.on("error", reject);
    asked.on("response", (response) => resolve(response.resume().statusCode));
  });
  asked.write(body.subarray(0, -1));
  return {
    finish() {
      asked.end(body.subarray(-1));
      return answered;
    },
  };
}

const item = (client: string, data: unknown = "x", more: object = {}): object => ({ to: { client }, data, ...more });
const client = (): string => `c-${randomUUID()}`;

async function acceptedFor(...clients: string[]) {
  const keys = new Set(clients.map((id) => `acme/${id}`));
  return (await readAccepted(stack)).filter(({ key }) => keys.has(key));
}

describe("verdicts", () => {
  test("one, many and lines are accepted, in Kafka by then, each client's in order", async () => {
    const [a, b] = [client(), client()];
    const one = await publish(item(a, 0, { ttl: 60, event: "order.shipped" }));
    expect(one.status).toBe(202);
    expect(one.body).toEqual({ accepted: 1, rejected: 0, items: [{ index: 0, id: expect.any(String) }] });
    expect(await acceptedFor(a)).toMatchObject([
      { id: one.body.items[0].id, payload: "0", ttl: 60, event: "order.shipped" },
    ]);
    await publish(Array.from({ length: 100 }, (_, n) => item(n % 2 ? a : b, n + 1)));
    await publish(Array.from({ length: 50 }, (_, n) => JSON.stringify(item(a, n + 101))).join("\n"), {
      type: "application/x-ndjson; charset=utf-8",
    });
    const found = await acceptedFor(a, b);
    const numbers = (key: string): number[] =>
      found.filter((one) => one.key === `acme/${key}`).map(({ payload }) => Number(payload));
    const odd = Array.from({ length: 50 }, (_, n) => 2 * n + 2);
    expect(numbers(a)).toEqual([0, ...odd, ...Array.from({ length: 50 }, (_, n) => n + 101)]);
    expect(numbers(b)).toEqual(odd.map((n) => n - 1));
  });

  test("each item has its own verdict, with a pointer to what is wrong, and only the others are accepted", async () => {
    const [good, other, id] = [client(), client(), randomUUID()];
    const { status, body } = await publish([
      item(good),
      item("two words"),
      { to: { client: 3, name: "x" }, data: 1, ttl: 1.5 },
      { to: { client: other } },
      item(other, "y".repeat(65_536)),
      item(good, "x", { id }),
      item(good, "x", { id: id.toUpperCase() }),
      item(other, null, { ttl: 0, event: "-", "a/b": 1 }),
      7,
    ]);
    expect(status).toBe(202);
    expect(body).toMatchObject({ accepted: 2, rejected: 7 });
    const told = body.items.map(({ problem }: { problem?: { type: string; errors: { pointer: string }[] } }) =>
      problem ? [problem.type.slice(10), ...problem.errors.map(({ pointer }) => pointer)] : "accepted",
    );
    expect(told).toEqual([
      "accepted",
      ["invalid-value", "/1/to/client"],
      ["invalid-shape", "/2/to/client", "/2/to/name", "/2/ttl"],
      ["invalid-shape", "/3/data"],
      ["too-large", "/4/data"],
      "accepted",
      ["invalid-value", "/6/id"],
      ["invalid-shape", "/7/ttl", "/7/event", "/7/a~1b"],
      ["invalid-shape", "/8"],
    ]);
    expect(await acceptedFor(good, other)).toHaveLength(2);
  });

  test("a malformed line is refused alone, and named", async () => {
    const good = client();
    const lines = [
      JSON.stringify(item(good, 1)),
      "",
      "{nope",
      JSON.stringify(item("a b")),
      JSON.stringify(item(good, 2)),
    ];
    const { status, body } = await publish(`${lines.join("\r\n")}\n`, { type: "application/x-ndjson" });
    expect(status).toBe(202);
    expect(body.items[1].problem).toMatchObject({ type: "/problems/not-json", errors: [{ pointer: "/1", line: 3 }] });
    expect(body.items[2].problem).toMatchObject({
      type: "/problems/invalid-value",
      errors: [{ pointer: "/2/to/client", line: 4 }],
    });
    expect((await acceptedFor(good)).map(({ payload }) => payload)).toEqual(["1", "2"]);
  });

  const id = randomUUID();
  test.for<[string, unknown, Options, number, string, string[]]>([
    ["no JSON", "{", {}, 400, "not-json", [""]],
    ["nothing", "", {}, 400, "not-json", [""]],
    ["no UTF-8", Uint8Array.from([0x22, 0xff, 0x22]), {}, 400, "not-json", [""]],
    ["an empty list", [], {}, 400, "invalid-shape", [""]],
    ["no object", "null", {}, 400, "invalid-shape", [""]],
    ["one item of a wrong shape", { data: 1 }, {}, 400, "invalid-shape", ["/to"]],
    [
      "a member called __proto__",
      '{"to":{"client":"a"},"data":1,"__proto__":{}}',
      {},
      400,
      "invalid-shape",
      ["/__proto__"],
    ],
    ["a wrong client", item(""), {}, 422, "invalid-value", ["/to/client"]],
    ["a wrong id", item("a", 1, { id: "1" }), {}, 422, "invalid-value", ["/id"]],
    ["a ttl out of range", item("a", 1, { ttl: 2_592_001 }), {}, 422, "invalid-value", ["/ttl"]],
    ["shape before logic", [item("a b"), 5], {}, 400, "invalid-shape", ["/0/to/client", "/1"]],
    ["too much data", item("a", "x".repeat(65_535)), {}, 413, "too-large", ["/data"]],
    ["too many items", Array.from({ length: 1_001 }, () => item("a")), {}, 413, "too-large", [""]],
    ["another content type", item("a"), { type: "text/plain" }, 415, "unsupported-media-type", []],
    ["no key in Idempotency-Key", item("a"), { headers: { "idempotency-key": '"' } }, 422, "invalid-value", []],
    [
      "only wrong ones",
      [item("a b", 1, { id }), { to: 1 }],
      {},
      400,
      "invalid-shape",
      ["/0/to/client", "/1/to", "/1/data"],
    ],
  ])("%s", async ([, sent, options, status, slug, pointers]) => {
    const answer = await publish(sent, options);
    expect([answer.status, answer.body.type]).toEqual([status, `/problems/${slug}`]);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect((answer.body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
  });

  test("a body over the limit is refused before it is all there", async () => {
    // The connection may be cut while the rest is still being sent.
    const answer = await publish(new Uint8Array(5 << 20)).catch(() => undefined);
    expect(answer?.status ?? 413).toBe(413);
    expect((await publish(item("a"))).status).toBe(202);
  });

  test("data stays as it was written, on one line", async () => {
    const to = client();
    const written = [
      "12345678901234567890",
      "1.0",
      '"\\u00e4ä€😀"',
      '{"b":1,"a":1,"b":2}',
      "[ 1,\t2 ]",
      "-0",
      "1e400",
      '"\\ud800"',
      '{\r\n "a b": [1,\n"\\n"] }',
    ];
    for (const data of written)
      expect((await publish(`[{"data":0,"to":{"client":"${to}"} , "d\\u0061ta" : ${data} }]`)).status).toBe(202);
    const expected = [...written.slice(0, -1), '{"a b":[1,"\\n"]}'];
    expect((await acceptedFor(to)).map(({ payload }) => payload)).toEqual(expected);
  });

  test("traceparent is carried where it is valid", async () => {
    const [traced, not] = [client(), client()];
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await publish(item(traced), { headers: { traceparent } });
    await publish(item(not), { headers: { traceparent: "00-00000000000000000000000000000000-b7ad6b7169203331-01" } });
    expect(await acceptedFor(traced)).toMatchObject([{ traceparent }]);
    expect(await acceptedFor(not)).toMatchObject([{ traceparent: "" }]);
  });
});

describe("callers", () => {
  test("without a token that allows it: 403 that gives nothing away, a line in the log, and never the token", async () => {
    const before = receiver.logs.length;
    const wrong = [
      `Bearer ${await stack.token({ client: "u1" })}`,
      `Bearer ${await stack.token({ publisher: "shop", ttl: -60 })}`,
      `Bearer ${token.slice(0, -4)}AAAA`,
      "Bearer nonsense",
      "Basic c2hvcDpzaG9w",
      "",
    ];
    const answers = [];
    for (const authorization of wrong) answers.push(await publish(item("a"), { headers: { authorization } }));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    const refusals = () => receiver.logs.slice(before).filter(({ msg }) => msg === "forbidden");
    await expect.poll(() => refusals().length).toBe(wrong.length);
    const lines = refusals();
    expect(lines.map(({ why }) => why)).toEqual([
      'the token does not allow "publish"',
      expect.stringContaining("exp"),
      expect.stringContaining("signature"),
      expect.any(String),
      "no token was sent",
      "no token was sent",
    ]);
    expect(lines[0]).toMatchObject({
      claims: { tenant: "acme", sub: "u1" },
      address: expect.stringContaining("127.0.0.1"),
    });
    const log = JSON.stringify(receiver.logs);
    for (const secret of wrong.slice(0, 3)) expect(log).not.toContain(secret.slice(-40));
  });

  test("the tenant is the token's", async () => {
    const to = client();
    await publish(item(to), {
      headers: { authorization: `Bearer ${await stack.token({ publisher: "p", tenant: "other" })}` },
    });
    expect((await readAccepted(stack)).filter(({ key }) => key.endsWith(`/${to}`)).map(({ key }) => key)).toEqual([
      `other/${to}`,
    ]);
  });
});

describe("repeats", () => {
  test("the same Idempotency-Key is answered the same and published once; another body is refused", async () => {
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

  test("the same id with the same content is published once, with other content refused", async () => {
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

  test("twenty at once with one key: one is published, and each answer is either its answer or 409", async () => {
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

  test("without Redis publishing goes on, it is counted, and the ids of a key stay the same", async () => {
    const alone = await stack.start("receiver", { REDIS_URL: "redis://127.0.0.1:1" });
    const to = client();
    const headers = { "idempotency-key": randomUUID() };
    const first = await publish(item(to), { to: alone, headers });
    const again = await publish(item(to), { to: alone, headers });
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(again.body).toEqual(first.body);
    expect(await metric(alone, "publish_unguarded_total")).toBe(2);
    expect(new Set((await acceptedFor(to)).map(({ id }) => id)).size).toBe(1);
  });

  test("a Redis that hangs keeps nobody waiting", async () => {
    const redis = new URL(stack.env.REDIS_URL!);
    const proxy = await startProxy(redis.host);
    const url = Object.assign(new URL(redis), { host: proxy.address }).href;
    const beside = await stack.start("receiver", { REDIS_URL: url, REPEAT_WAIT_MS: "200" });
    const id = randomUUID();
    await expect
      .poll(async () => {
        await publish(item("a", 1, { id: randomUUID() }), { to: beside });
        const before = await metric(beside, "publish_unguarded_total");
        await publish(item("a", 1, { id: randomUUID() }), { to: beside });
        return (await metric(beside, "publish_unguarded_total")) - before;
      })
      .toBe(0);
    const unguarded = await metric(beside, "publish_unguarded_total");
    await proxy.set("hang");
    const answers = [];
    for (let n = 0; n < 5; n += 1) answers.push(await publish(item("a", 1, { id }), { to: beside }));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202]);
    expect(await metric(beside, "publish_unguarded_total")).toBe(unguarded + 5);
    await proxy.set("pass");
    await beside.stop();
    await proxy.close();
  });
});

describe("while Kafka is away", () => {
  let proxy: Proxy;
  let behind: Service;
  beforeAll(async () => {
    proxy = await startKafkaProxy(stack.env.KAFKA_BROKERS!);
    behind = await stack.start("receiver", { KAFKA_BROKERS: proxy.address });
  });
  afterAll(() => proxy.close());

  /** Requests that were not even tried. */
  const refusedAtOnce = (service: Service): Promise<number> =>
    metric(service, "publish_refused_total", 'problem="unavailable"');

  test("it starts, is not ready and says why, and answers 503 at once", async () => {
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
    "%s: every answer within two seconds, what was refused never appears, what was accepted is there, and it recovers",
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
      // What was being sent at that moment, and then what came later.
      await some("outcome-unknown", 0);
      await some("unavailable", 100);
      await proxy.set("pass");
      await behind.ready();
      await expect.poll(async () => (await publish(item(client()), { to: behind })).status).toBe(202);
      ended.abort();
      await Promise.all(publishers);
      // As the receiver has it: how late it is read is the reader's.
      const answered = await metric(behind, "publish_seconds_count");
      expect(await metric(behind, "publish_seconds_bucket", 'le="2"')).toBe(answered);
      const found = new Set((await acceptedFor(...to)).map(({ payload }) => JSON.parse(payload) as string));
      expect([...told].filter(([data, verdict]) => verdict === "accepted" && !found.has(data))).toEqual([]);
      expect([...told].filter(([data, verdict]) => verdict === "unavailable" && found.has(data))).toEqual([]);
    },
  );

  test("what waits behind a send without an answer is taken back, and never sent; what comes later is refused at once", async () => {
    await behind.ready();
    const to = client();
    await proxy.set("hang");
    const before = await refusedAtOnce(behind);
    const sent = publish(item(to, "sent"), { to: behind });
    await requests(behind, 1);
    // The packer does not wait for so long.
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

  test("what is unknown keeps its id and key from a second try until that is known to be over; what is refused is free at once", async () => {
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
  test("more requests or bytes than it may hold: 503, counted, and everything else goes on", async () => {
    const small = await stack.start("receiver", { MAX_REQUESTS: "3", MAX_QUEUED_BYTES: "100000" });
    const held = Array.from({ length: 2 }, () => hold(small, "x".repeat(45_000)));
    await expect.poll(() => metric(small, "publish_body_bytes"), { interval: 5 }).toBeGreaterThan(90_000);
    const bytes = await publish(item("a", "x".repeat(20_000)), { to: small }).catch(() => undefined);
    expect(bytes?.body.type ?? "/problems/busy").toBe("/problems/busy");
    held.push(hold(small, "x"));
    await requests(small, 3);
    const fourth = await publish(item("a"), { to: small });
    expect(fourth).toMatchObject({ status: 503, body: { type: "/problems/busy" } });
    expect(Number(fourth.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await metric(small, "publish_busy_total", 'bound="requests"')).toBe(1);
    expect(await metric(small, "publish_busy_total", 'bound="bytes"')).toBe(1);
    expect(await Promise.all(held.map((one) => one.finish()))).toEqual([202, 202, 202]);
    expect((await publish(item("a"), { to: small })).status).toBe(202);
    expect(await metric(small, "publish_requests")).toBe(0);
    expect(await metric(small, "publish_body_bytes")).toBe(0);
    await small.stop();
  });

  test("SIGTERM: what is in flight is answered", async () => {
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

  test("SIGTERM under load: it ends well, and every 202 is in Kafka", async () => {
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

describe("documents", () => {
  test("/openapi.json has what is sent, and /docs shows it without anything from elsewhere", async () => {
    const document = await (await fetch(`${receiver.url}/openapi.json`)).json();
    expect(document).toMatchObject({
      openapi: "3.1.0",
      components: { schemas: { Notification: { required: ["to", "data"], additionalProperties: false } } },
    });
    const page = await (await fetch(`${receiver.url}/docs`)).text();
    for (const name of ["/v1/notifications", "to.client", "Idempotency-Key", ...Object.keys(PROBLEMS)])
      expect(page).toContain(name);
    expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
  });

  test("every kind of problem has a page, for people and for programs", async () => {
    for (const slug of Object.keys(PROBLEMS)) {
      expect(await (await fetch(`${receiver.url}/problems/${slug}`)).json()).toMatchObject({
        type: `/problems/${slug}`,
        fix: expect.any(String),
      });
    }
    const page = await fetch(`${receiver.url}/problems/busy`, { headers: { accept: "text/html" } });
    expect(page.headers.get("content-type")).toContain("text/html");
    expect((await fetch(`${receiver.url}/problems/constructor`)).status).toBe(404);
  });
});
