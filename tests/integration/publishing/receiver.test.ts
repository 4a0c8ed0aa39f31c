import { PROBLEM_TYPES } from "@saasaparilla/shared/http/problem-types.ts";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { client, item, publishRequests, type Options } from "#tests/support/publish-requests.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { unnamed } from "#tests/support/unnamed.ts";

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

const { publish, acceptedFor } = publishRequests(() => ({ stack, receiver, token }));

describe("verdicts", () => {
  test("single, batch and line requests are accepted, already in Kafka, in order for each client", async () => {
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

  test("each item has its own verdict, with a pointer to its fault, and only the others are accepted", async () => {
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

  test("a malformed line alone is refused, with its number", async () => {
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
    ["invalid JSON", "{", {}, 400, "not-json", [""]],
    ["nothing", "", {}, 400, "not-json", [""]],
    ["invalid UTF-8", Uint8Array.from([0x22, 0xff, 0x22]), {}, 400, "not-json", [""]],
    ["an empty list", [], {}, 400, "invalid-shape", [""]],
    ["not an object", "null", {}, 400, "invalid-shape", [""]],
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
    ["an invalid Idempotency-Key", item("a"), { headers: { "idempotency-key": '"' } }, 422, "invalid-value", []],
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

  test("a body over the limit is refused before it is complete", async () => {
    // The server may cut the connection while the client still sends.
    const answer = await publish(new Uint8Array(5 << 20)).catch(() => undefined);
    expect(answer?.status ?? 413).toBe(413);
    expect((await publish(item("a"))).status).toBe(202);
  });

  test("data keeps its bytes, on one line", async () => {
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

  test("a valid traceparent is passed on", async () => {
    const [traced, not] = [client(), client()];
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await publish(item(traced), { headers: { traceparent } });
    await publish(item(not), { headers: { traceparent: "00-00000000000000000000000000000000-b7ad6b7169203331-01" } });
    expect(await acceptedFor(traced)).toMatchObject([{ traceparent }]);
    expect(await acceptedFor(not)).toMatchObject([{ traceparent: "" }]);
  });
});

describe("callers", () => {
  test("a token without the right gets an opaque 403 and a log line, never with the token", async () => {
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
    expect(new Set(answers.map(({ body }) => unnamed(body))).size).toBe(1);
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

  test("the tenant comes from the token", async () => {
    const to = client();
    await publish(item(to), {
      headers: { authorization: `Bearer ${await stack.token({ publisher: "p", tenant: "other" })}` },
    });
    expect((await readAccepted(stack)).filter(({ key }) => key.endsWith(`/${to}`)).map(({ key }) => key)).toEqual([
      `other/${to}`,
    ]);
  });
});

describe("documents", () => {
  test("/openapi.json matches the answers, and /docs shows it without external resources", async () => {
    const document = await (await fetch(`${receiver.url}/openapi.json`)).json();
    expect(document).toMatchObject({
      openapi: "3.1.0",
      components: { schemas: { Notification: { required: ["to", "data"], additionalProperties: false } } },
    });
    const page = await (await fetch(`${receiver.url}/docs`)).text();
    for (const name of ["/v1/notifications", "to.client", "Idempotency-Key", ...Object.keys(PROBLEM_TYPES)])
      expect(page).toContain(name);
    expect(page).not.toMatch(/(src|href)="(https?:)?\/\//);
  });

  test("every problem type has a page, for people and for programs", async () => {
    for (const slug of Object.keys(PROBLEM_TYPES)) {
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
