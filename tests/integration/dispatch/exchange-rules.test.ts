import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { recipientId } from "@saasaparilla/shared/protocol/publication.ts";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { startDispatchPlatform, type DispatchPlatform } from "#tests/support/dispatch-platform.ts";
import { publishRequests } from "#tests/support/publish-requests.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";

let platform: DispatchPlatform;

beforeAll(async () => {
  platform = await startDispatchPlatform({ services: ["receiver"] });
});

afterAll(() => platform.close());

const { publish } = publishRequests(() => ({
  stack: platform.stack,
  receiver: platform.service("receiver"),
  token: platform.token,
}));

/** Writes an exchange. Dispatchers know it when this resolves. */
async function exchange(name: string, document: object): Promise<void> {
  const before = await scrapeMetric(platform.service("dispatcher"), "documents_version");
  await platform.operator.does("PUT", `/acme/exchanges/${name}`, document);
  await vi.waitUntil(
    async () => (await scrapeMetric(platform.service("dispatcher"), "documents_version")) > before,
    20_000,
  );
}

/** Publishes in one request. Returns the end of each publication, and its recipients. */
async function route(...items: object[]): Promise<{ state: string; to: string[] }[]> {
  const { body } = await publish(items.map((item) => ({ data: 1, ...item })));
  const ids: string[] = body.items.map(({ id }: { id: string }) => id);
  const states: string[] = [];
  for (const id of ids) states.push((await platform.dispatch.ended(id)).state);
  const accepted = await readAccepted(platform.stack);
  return ids.map((id, index) => {
    const got = accepted.filter((one) => one.id === id || one.id === recipientId(id, one.key));
    return { state: states[index]!, to: got.map(({ key }) => key.slice("acme/".length)).toSorted() };
  });
}

const done = (...to: string[]) => ({ state: "done", to });

test("rules with $ne, $exists and $or decide who gets it, and no headers match none of them", async () => {
  await platform.api.ask("POST", "groups/abroad/members", { add: ["g1", "g2"] });
  await exchange("orders", {
    type: "headers",
    bindings: [
      { headers: { country: { $ne: "DE" } }, to: { group: "abroad" } },
      { headers: { vip: { $exists: true } }, to: { queue: "vip" } },
      { headers: { vip: { $exists: false }, country: "DE" }, to: { client: "plain" } },
      { headers: { $or: [{ total: { $gte: 100 } }, { urgent: true }] }, to: { clients: ["boss", "g1"] } },
    ],
    fallback: { client: "rest" },
  });
  const to = { exchange: "orders" };
  expect(
    await route(
      { to, headers: { country: "FR" } },
      { to, headers: { country: "DE" } },
      { to, headers: { country: "DE", vip: false } },
      { to, headers: { country: "DE", vip: null, total: 100 } },
      { to, headers: { country: "DE", total: "100" } },
      { to, headers: { country: "FR", urgent: true } },
      { to, headers: { other: 1 } },
      { to, headers: {} },
      { to },
    ),
  ).toEqual([
    done("g1", "g2"),
    done("plain"),
    done("{vip}"),
    done("boss", "g1", "{vip}"),
    done("plain"),
    // Two bindings name g1, and it gets it once.
    done("boss", "g1", "g2"),
    // A missing header is not "DE".
    done("g1", "g2"),
    done("rest"),
    done("rest"),
  ]);
});

test("a direct exchange compares the key, and a fanout nothing", async () => {
  await exchange("direct", {
    type: "direct",
    bindings: [
      { key: "eu", to: { client: "eu" } },
      { key: "eu", to: { queue: "eu" } },
      { key: "us", to: { client: "us" } },
    ],
  });
  await exchange("all", { type: "fanout", bindings: [{ to: { client: "f1" } }, { to: { clients: ["f1", "f2"] } }] });
  expect(
    await route(
      { to: { exchange: "direct", key: "eu" } },
      { to: { exchange: "direct", key: "EU" }, headers: { key: "eu" } },
      { to: { exchange: "direct" } },
      { to: { exchange: "all" } },
      { to: { exchange: "all", key: "eu" }, headers: { a: 1 } },
    ),
  ).toEqual([
    done("eu", "{eu}"),
    { state: "skipped", to: [] },
    { state: "skipped", to: [] },
    done("f1", "f2"),
    done("f1", "f2"),
  ]);
});

test("an unlisted operator is answered 422 by the console, and the exchange before it stays", async () => {
  await exchange("kept", { type: "headers", bindings: [{ headers: { a: 1 }, to: { client: "kept" } }] });
  for (const rule of [{ a: { $regex: "1" } }, { $where: "1" }, { a: { $not: { $size: 1 } } }, { $nor: [{ a: 1 }] }]) {
    const body = { type: "headers", bindings: [{ headers: rule, to: { client: "new" } }] };
    const answer = await platform.operator.ask("PUT", "/acme/exchanges/kept", body);
    expect(answer).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: expect.stringContaining("/headers/") }] },
    });
  }
  expect(await route({ to: { exchange: "kept" }, headers: { a: 1 } })).toEqual([done("kept")]);
});

test("a changed exchange counts for the next publication, and a removed one is unknown", async () => {
  const to = { exchange: "changing" };
  await exchange("changing", { type: "fanout", bindings: [{ to: { client: "before" } }] });
  expect(await route({ to })).toEqual([done("before")]);
  await exchange("changing", { type: "fanout", bindings: [{ to: { client: "after" } }] });
  expect(await route({ to })).toEqual([done("after")]);
  const before = await scrapeMetric(platform.service("dispatcher"), "documents_version");
  expect((await platform.operator.ask("DELETE", "/acme/exchanges/changing")).status).toBe(204);
  await vi.waitUntil(
    async () => (await scrapeMetric(platform.service("dispatcher"), "documents_version")) > before,
    20_000,
  );
  expect(await route({ to })).toEqual([{ state: "skipped", to: [] }]);
});

test("any text in a header is routed, and disturbs no other publication", async () => {
  const strange = "\u0000 \ud800 \u2028";
  await platform.dispatch.fill("strange", 1_001, "s");
  expect(
    await route(
      { to: { exchange: "all" }, headers: { strange } },
      { to: { group: "strange" }, headers: { strange } },
      { to: { client: "later" }, delay: 1, headers: { strange } },
      { to: { exchange: "all" } },
    ),
  ).toMatchObject([done("f1", "f2"), { state: "done" }, done("later"), done("f1", "f2")]);
});
