import { afterAll, beforeAll, expect, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { auditEntries } from "#tests/support/audit-entries.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let dispatcher: Service;
let operator: ConsoleApi;

beforeAll(async () => {
  stack = await startStack({ services: ["console", "dispatcher"] });
  [, dispatcher] = stack.services as [Service, Service];
  operator = await ConsoleApi.of(stack, stack.services[0]!);
  await operator.does("PUT", "/shop", {});
});

afterAll(() => stack.close());

const [de, fr, rest] = [{ queue: "orders.de" }, { group: "team-fr" }, { clients: ["u1", "u2"] }];
const DOCUMENTS = {
  exchanges: { type: "direct", bindings: [{ key: "de", to: de, name: "germany" }], fallback: rest },
  queues: { maxAttempts: 5, claimSeconds: 30 },
  schedules: { cron: "0 9 * * *", zone: "Europe/Berlin", to: { exchange: "a.b:c", key: "de" }, data: { n: 1 } },
} as const;

test.for(Object.keys(DOCUMENTS) as (keyof typeof DOCUMENTS)[])(
  "%s are written, read, listed, replaced and removed",
  async (kind) => {
    const path = `/shop/${kind}/a.b:c`;
    const document = DOCUMENTS[kind];
    expect((await operator.ask("GET", path)).status).toBe(404);
    expect((await operator.ask("DELETE", path)).status).toBe(404);
    expect(await operator.does("PUT", path, document)).toMatchObject(document);
    expect(await operator.does("GET", path)).toMatchObject({ tenant: "shop", id: "a.b:c", ...document });
    expect((await operator.does("GET", `/shop/${kind}?limit=1`)).items).toMatchObject([{ id: "a.b:c", ...document }]);
    await operator.does("PUT", path, document);
    expect(await operator.ask("DELETE", path)).toMatchObject({ status: 204 });
    expect((await operator.ask("GET", path)).status).toBe(404);
    for (const id of ["a%20b", "-a", "a%2Fb", "%7Ba%7D"])
      expect([id, (await operator.ask("PUT", `/shop/${kind}/${id}`, document)).status]).toEqual([id, 400]);
    expect((await operator.ask("PUT", `/nobody/${kind}/x`, document)).status).toBe(404);
  },
);

test("a tenant's operator key writes its documents, and a reader only sees and explains them", async () => {
  const made = async (scope: string): Promise<ConsoleApi> => {
    const { key } = await operator.does("POST", "/shop/keys", { name: scope, scopes: [scope] });
    return new ConsoleApi(stack.services[0]!, key as string);
  };
  const [own, reader, publisher] = [await made("operate"), await made("read"), await made("publish")];
  const asked: [string, string, unknown, number, number][] = [
    ["PUT", "/shop/exchanges/own", DOCUMENTS.exchanges, 200, 403],
    ["GET", "/shop/exchanges/own", undefined, 200, 200],
    ["GET", "/shop/exchanges", undefined, 200, 200],
    ["POST", "/shop/exchanges/own/explain", { key: "de" }, 200, 200],
    ["DELETE", "/shop/exchanges/own", undefined, 204, 403],
    ["PUT", "/other/exchanges/own", DOCUMENTS.exchanges, 403, 403],
  ];
  for (const [method, path, body, ...expected] of asked) {
    // A deletion is tried last by the one who may.
    const readers = (await reader.ask(method, path, body)).status;
    expect([method, path, (await own.ask(method, path, body)).status, readers]).toEqual([method, path, ...expected]);
    expect((await publisher.ask(method, path, body)).status).toBe(403);
  }
});

test("an exchange explains which bindings match, and who would get it", async () => {
  await operator.does("PUT", "/shop/exchanges/orders", {
    type: "headers",
    bindings: [
      { headers: { country: { $ne: "DE" } }, to: fr, name: "abroad" },
      { headers: { $or: [{ vip: true }, { total: { $gte: 100 } }] }, to: de },
    ],
    fallback: rest,
  });
  const explain = (body: object) => operator.does("POST", "/shop/exchanges/orders/explain", body);
  expect(await explain({ headers: { country: "FR", total: 100 } })).toMatchObject({
    fallback: false,
    recipients: [fr, de],
    bindings: [
      { index: 0, name: "abroad", matches: true },
      { index: 1, matches: true },
    ],
  });
  expect(await explain({ headers: { country: "DE", total: 99 } })).toMatchObject({
    fallback: true,
    recipients: [rest],
    bindings: [{ matches: false, why: expect.stringContaining("country") }, { matches: false }],
  });
  for (const body of [{}, { headers: {} }, { key: "x" }])
    expect(await explain(body)).toMatchObject({ fallback: true, recipients: [rest] });
  expect((await operator.ask("POST", "/shop/exchanges/none/explain", {})).status).toBe(404);
});

test("a schedule explains its next five times, with the offset of its zone", async () => {
  const document = { cron: "30 2 * * *", zone: "America/New_York", to: de, data: null, paused: true };
  await operator.does("PUT", "/shop/schedules/nightly", document);
  const { times, ...rest } = await operator.does("POST", "/shop/schedules/nightly/explain");
  expect(rest).toEqual({ zone: "America/New_York", paused: true });
  expect(times).toHaveLength(5);
  for (const time of times as string[]) expect(time).toMatch(/^\d{4}-\d\d-\d\dT0[23]:\d0:00-0[45]:00$/);
  const since = (times as string[]).map((time) => new Date(time).getTime());
  expect(since[0]).toBeGreaterThan(Date.now());
  expect(since.toSorted((a, b) => a - b)).toEqual(since);
});

const direct = { type: "direct", bindings: [] };
const headers = (rule: unknown) => ({ type: "headers", bindings: [{ headers: rule, to: de }] });
const schedule = { ...DOCUMENTS.schedules };

test.for<[string, object, number, string]>([
  ["exchanges/x", headers({ a: { $regex: "x" } }), 422, "/bindings/0/headers/a/$regex"],
  ["exchanges/x", headers({ $where: "process.exit()" }), 422, "/bindings/0/headers/$where"],
  ["exchanges/x", headers({ $or: [{ a: 1 }, {}] }), 422, "/bindings/0/headers/$or/1"],
  ["exchanges/x", headers({}), 422, "/bindings/0/headers"],
  ["exchanges/x", { type: "fanout", bindings: [{ to: { exchange: "y" } }] }, 400, "/bindings/0/to"],
  ["exchanges/x", { ...direct, bindings: [{ to: de }] }, 422, "/bindings/0/key"],
  ["exchanges/x", { ...direct, bindings: Array.from({ length: 101 }, () => ({ key: "a", to: de })) }, 400, "/bindings"],
  ["exchanges/x", { ...direct, type: "topic" }, 400, "/type"],
  ["queues/x", { maxAttempts: 0 }, 400, "/maxAttempts"],
  ["queues/x", { maxAttempts: 101 }, 400, "/maxAttempts"],
  ["schedules/x", { ...schedule, cron: "0 0 31 2 *" }, 422, "/cron"],
  ["schedules/x", { ...schedule, cron: "soon" }, 422, "/cron"],
  ["schedules/x", { ...schedule, zone: "Mars/Olympus" }, 422, "/zone"],
  ["schedules/x", { ...schedule, to: { client: "a b" } }, 400, "/to/client"],
  ["schedules/x", { ...schedule, missed: "some" }, 400, "/missed"],
])("%s: %j is answered %i at %s", async ([path, body, status, pointer]) => {
  const answer = await operator.ask("PUT", `/shop/${path}`, body);
  expect(answer).toMatchObject({ status, body: { errors: [{ pointer }] } });
  expect((await operator.ask("GET", `/shop/${path}`)).status).toBe(404);
});

test("dispatchers read changed documents, and count those of a later version", async () => {
  const before = await scrapeMetric(dispatcher, "documents_version");
  await operator.does("PUT", "/shop/queues/read", {});
  await expect.poll(() => scrapeMetric(dispatcher, "documents_version")).toBeGreaterThan(before);
  expect(await scrapeMetric(dispatcher, "documents_rows_unknown")).toBe(0);
  expect(await scrapeMetric(dispatcher, "documents_age_seconds")).toBeGreaterThanOrEqual(0);
});

test("a change of a document is in the audit log, with its members", async () => {
  await operator.does("PUT", "/shop/queues/audited", { maxAttempts: 3 });
  const ending = async () =>
    (await auditEntries(stack)).find(
      ({ path, outcome }) => String(path).endsWith("/queues/audited") && outcome !== undefined,
    );
  await expect.poll(ending).toMatchObject({
    outcome: "committed",
    wrote: [{ kind: "queue", id: "audited", changed: { maxAttempts: [null, 3], claimSeconds: [null, 30] } }],
  });
});
