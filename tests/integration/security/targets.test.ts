import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let desk: Service;
let operator: ConsoleApi;

beforeAll(async () => {
  stack = await startStack({ services: ["console"] });
  desk = stack.services[0]!;
  operator = await ConsoleApi.of(stack, desk);
});

afterAll(() => stack.close());

interface Explained {
  allowed: boolean;
  why: string | undefined;
}

async function explained(tenant: string, question: object): Promise<Explained> {
  const { allowed, checks } = await operator.does("POST", `/${tenant}/explain-access`, question);
  const failed = (checks as { holds: boolean; why?: string }[]).find(({ holds }) => !holds);
  return { allowed: allowed as boolean, why: failed?.why };
}

const asks = (subject: string, scope: string, target: string) => ({ subject, scopes: [scope], scope, target });

test.for(["scopes", "grants"] as const)(
  "with trust: %s, an old grant and a trusted scope have no target, and a grant gives those that it names",
  async (trust) => {
    const tenant = `by-${trust}`;
    await operator.does("PUT", `/${tenant}`, { trust });
    await operator.does("PUT", `/${tenant}/grants/old`, { role: "publisher", subjects: ["*"] });
    for (const target of ["queue/orders", "group/team-a", "exchange/orders"])
      expect(await explained(tenant, asks("shop", "publish", target))).toMatchObject({ allowed: false });
    expect(await explained(tenant, asks("feed", "consume", "queue/changes"))).toMatchObject({ allowed: false });

    const consumer = { role: "consumer", subjects: ["feed"], targets: ["queue/changes"] };
    expect(await operator.does("PUT", `/${tenant}/grants/feed`, consumer)).toMatchObject(consumer);
    const shop = { role: "publisher", subjects: ["shop"], clients: [], targets: ["queue/*", "group/team-*"] };
    await operator.does("PUT", `/${tenant}/grants/shop`, shop);
    const listed = await operator.does("GET", `/${tenant}/grants`);
    expect(listed.items).toMatchObject([{ id: "feed", ...consumer }, { id: "old" }, { id: "shop", ...shop }]);

    expect(await explained(tenant, asks("feed", "consume", "queue/changes"))).toMatchObject({ allowed: true });
    expect(await explained(tenant, asks("feed", "consume", "queue/orders"))).toMatchObject({
      why: expect.stringContaining("none of its target patterns"),
    });
    for (const target of ["queue/orders", "group/team-a"])
      expect(await explained(tenant, asks("shop", "publish", target))).toMatchObject({ allowed: true });
    for (const target of ["exchange/orders", "group/all"])
      expect(await explained(tenant, asks("shop", "publish", target))).toMatchObject({ allowed: false });
    for (const target of ["queue/action.pay", "queue/endpoint.shop"])
      expect(await explained(tenant, asks("shop", "publish", target))).toMatchObject({
        why: expect.stringContaining("only the platform"),
      });
  },
);

test("a key has its own targets, also after a rotation", async () => {
  await operator.does("PUT", "/keys", {});
  const body = { name: "feed", scopes: ["consume", "publish"], targets: ["queue/changes"] };
  const made = await operator.does("POST", "/keys/keys", body);
  expect(made).toMatchObject(body);
  const rotated = await operator.does("POST", `/keys/keys/${String(made.id)}/rotate`, {});
  for (const { key: token } of [made, rotated])
    for (const scope of ["consume", "publish"]) {
      expect(await explained("keys", { token, scope, target: "queue/changes" })).toMatchObject({ allowed: true });
      expect(await explained("keys", { token, scope, target: "queue/other" })).toMatchObject({ allowed: false });
    }
  const old = await operator.does("POST", "/keys/keys", { name: "old", scopes: ["publish"] });
  expect(await explained("keys", { token: old.key, scope: "publish", target: "queue/changes" })).toMatchObject({
    allowed: false,
  });
});

test("a wrong target is refused with its place, and changes nothing", async () => {
  await operator.does("PUT", "/wrong", {});
  const before = await scrapeMetric(desk, "access_version");
  const grant = { role: "consumer", subjects: ["*"] };
  for (const target of ["", "changes", "queue/", "topic/x", "queue/a b", "queue/*s"]) {
    const { status, body } = await operator.ask("PUT", "/wrong/grants/g", { ...grant, targets: [target] });
    expect({ target, status, body }).toMatchObject({ status: 400, body: { errors: [{ pointer: "/targets/0" }] } });
  }
  expect((await operator.ask("PUT", "/wrong/grants/g", { ...grant, targets: [] })).status).toBe(400);
  expect((await operator.ask("POST", "/wrong/explain-access", asks("x", "publish", "queue/*"))).status).toBe(400);
  expect(await scrapeMetric(desk, "access_version")).toBe(before);
});

test("before the upgrade is finished, only documents that older services understand are written", async () => {
  await operator.does("PUT", "/early", {});
  const setFormat = async (format: number): Promise<void> => {
    await postgres.pool.query(`update "${stack.namespace}".platform set format = $1`, [format]);
    await expect.poll(() => scrapeMetric(desk, "format_present")).toBe(format);
  };
  const postgres = connectPostgres(stack.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "warn"),
    health: new Health([]),
    connections: 1,
  });
  onTestFinished(() => postgres.close());
  await setFormat(1);
  const publisher = { role: "publisher", subjects: ["*"] };
  const key = { name: "k", scopes: ["publish"] };
  const later: [string, string, object][] = [
    ["PUT", "/early/grants/g", { ...publisher, targets: ["queue/x"] }],
    ["PUT", "/early/grants/g", { ...publisher, clients: [] }],
    ["PUT", "/early/grants/g", { ...publisher, role: "consumer" }],
    ["POST", "/early/keys", { ...key, targets: ["*"] }],
    ["POST", "/early/keys", { ...key, scopes: ["consume"] }],
  ];
  for (const [method, path, body] of later)
    expect({ body, answer: await operator.ask(method, path, body) }).toMatchObject({
      answer: { status: 503, body: { type: "/problems/upgrade-unfinished", retryAfter: expect.any(Number) } },
    });
  expect((await operator.does("GET", "/early/grants")).items).toEqual([]);
  await operator.does("PUT", "/early/grants/g", publisher);
  await operator.does("POST", "/early/keys", key);
  await setFormat(2);
  for (const [method, path, body] of later) await operator.does(method, path, body);
});
