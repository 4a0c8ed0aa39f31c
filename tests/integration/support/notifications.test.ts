import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { auditEntries } from "#tests/support/audit-entries.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { startTenancy } from "#tests/support/tenants.ts";
import { MadeTimeline } from "#tests/support/made-timeline.ts";
import type { Service, Stack } from "#tests/support/stack.ts";

/** Notifications, as support sees them. The rows of the timeline are written as the recorder writes them. */
let stack: Stack;
let desk: Service;
let operator: ConsoleApi;
let rows: MadeTimeline;

beforeAll(async () => {
  ({ stack, desk, operator } = await startTenancy());
  rows = new MadeTimeline(stack);
});

afterAll(async () => {
  await rows.close();
  await stack.close();
});

interface Shown {
  client?: string;
  state: { name: string; sentence: string };
  events: { kind: string; sentence: string }[];
  gaps: { count: number }[];
  unknown: string[];
  stored?: object;
  payload?: { store: string; text: string };
}

const show = async (id: string, query = ""): Promise<Shown> =>
  (await operator.does("GET", `/acme/notifications/${id}${query}`)) as unknown as Shown;

const PUBLISHED = { publisher: "shop", why: "all" } as const;

describe("one notification", () => {
  test("its events are in the order of times and causes, with its state and the gaps of that time", async () => {
    const at = new Date(Date.now() - 10_000);
    const id = await rows.add("acknowledged", { how: "client" }, { at, client: "ordered" });
    await rows.add("delivered", { connection: "1:2:3", transport: "poll" }, { at, id, client: "ordered" });
    await rows.add("accepted", PUBLISHED, { at, id, client: "ordered" });
    await rows.add("accepted", PUBLISHED, { at, id: randomUUID(), client: "ordered" });
    await rows.addGap(new Date(at.getTime() - 500), new Date(at.getTime() + 500), 12);
    await rows.addGap(new Date(at.getTime() - 90_000), new Date(at.getTime() - 80_000), 99);
    const { client, state, events, gaps, unknown } = await show(id);
    expect(events.map(({ kind }) => kind)).toEqual(["accepted", "delivered", "acknowledged"]);
    expect([client, state.name]).toEqual(["ordered", "acknowledged"]);
    expect(gaps).toEqual([expect.objectContaining({ service: "director", instance: "d1", count: 12 })]);
    expect(unknown).toEqual([expect.stringContaining("12 events of the director d1 are missing")]);
  });

  test("without events and without its client, almost everything is unknown", async () => {
    const { state, events, unknown } = await show(randomUUID());
    expect([state.name, events]).toEqual(["unknown", []]);
    expect(unknown).toContainEqual(expect.stringContaining("Name the client"));
    expect(unknown).toContainEqual(expect.stringContaining("older than 7 days"));
  });

  test("that is not followed is found in the store of its client, under its id in any case", async () => {
    const publisher = await Publisher.of(stack);
    await publisher.number("unfollowed", 2);
    await storedFor(stack, ["unfollowed"], 2);
    const [, id] = publisher.accepted("unfollowed");
    const { state, stored, unknown } = await show(id!.toUpperCase(), "?client=unfollowed");
    expect([state.name, stored]).toEqual(["stored", expect.objectContaining({ client: "unfollowed" })]);
    expect(unknown).toEqual([expect.stringContaining("Only exceptions are recorded")]);
    expect((await show(id!, "?client=another")).state.name).toBe("unknown");
  });

  test("its payload needs the scope operate, and the audit log says who read it", async () => {
    const publisher = await Publisher.of(stack);
    const json = '{"big": 12345678901234567890, "text": "\\u00e9"}';
    const [id] = await publisher.publish([{ client: "secret", json }]);
    await storedFor(stack, ["secret"], 1);
    const path = `/acme/notifications/${id}?client=secret`;
    const auditor = new ConsoleApi(desk, await stack.token({ publisher: "auditor", scope: "read" }));
    const seen = await auditor.ask("GET", path);
    expect([seen.status, JSON.stringify(seen.body)]).toEqual([
      200,
      expect.not.stringContaining("12345678901234567890"),
    ]);
    expect((await auditor.ask("GET", `${path}&payload=1`)).status).toBe(403);
    expect((await auditor.ask("GET", `${path}&payload=`)).status).toBe(403);
    expect((await operator.ask("GET", `${path}&payload=no`)).status).toBe(400);
    expect((await show(id!, "?client=secret&payload=1")).payload).toEqual({ store: "stored", text: json });
    await expect
      .poll(() => auditEntries(stack))
      .toContainEqual(
        expect.objectContaining({
          method: "get",
          scope: "operate",
          subject: "operator",
          path: `/v1/tenants/acme/notifications/${id}`,
          wrote: [{ kind: "payload", id, changed: {} }],
        }),
      );
  });

  test.each(["not-a-uuid", "%00", "0190a3f2"])("the id %s is refused", async (id) => {
    expect((await operator.ask("GET", `/acme/notifications/${id}`)).status).toBe(400);
  });

  test("another tenant's notification is not shown", async () => {
    const id = await rows.add("accepted", PUBLISHED, { at: new Date(), tenant: "other" });
    expect((await show(id)).state.name).toBe("unknown");
    const { key } = await operator.does("POST", "/other/keys", { name: "boss", scopes: ["read"], clients: [] });
    const boss = new ConsoleApi(desk, key as string);
    await expect.poll(async () => (await boss.ask("GET", `/other/notifications/${id}`)).status).toBe(200);
    expect((await boss.ask("GET", `/acme/notifications/${id}`)).status).toBe(403);
  });
});

describe("the list", () => {
  const list = (query: string) => operator.ask("GET", `/globex/notifications?${query}`);
  const idsOf = (body: Record<string, unknown>): string[] => (body.items as { id: string }[]).map(({ id }) => id);
  const accepted: string[] = [];

  beforeAll(async () => {
    const at = new Date();
    // All at one time: pages must not lose or repeat any.
    for (let count = 0; count < 7; count += 1)
      accepted.unshift(
        await rows.add("accepted", { ...PUBLISHED, publisher: `p${count % 2}` }, { at, tenant: "globex" }),
      );
    const id = accepted[0]!;
    await rows.add("stored", { why: "slow" }, { at: new Date(at.getTime() + 5), id, tenant: "globex" });
    await rows.add("expired", { where: "stored" }, { at: new Date(at.getTime() + 9), tenant: "globex", client: "u2" });
  });

  test("pages by cursor have each accepted notification once, the newest first", async () => {
    const found: string[] = [];
    for (let next = ""; ;) {
      const { status, body } = await list(`limit=3${next}`);
      expect(status).toBe(200);
      found.push(...idsOf(body));
      if (body.next === undefined) break;
      next = `&before=${body.next as string}`;
    }
    expect(found).toEqual(accepted);
  });

  test("it can be filtered by publisher, client and kind", async () => {
    expect(idsOf((await list("publisher=p1")).body)).toEqual(accepted.filter((_, index) => index % 2 === 1));
    const expired = (await list("kind=expired")).body.items as { client: string; sentence: string }[];
    expect(expired).toEqual([
      expect.objectContaining({ client: "u2", sentence: "Its time to live ended while it was stored." }),
    ]);
    const ofClient = (await list("client=u1")).body.items as { id: string; kind: string }[];
    expect(ofClient).toHaveLength(7);
    expect(ofClient[0]).toMatchObject({ id: accepted[0], kind: "stored" });
    expect(idsOf((await list("client=u1&kind=stored")).body)).toEqual([accepted[0]]);
  });

  test.each([
    ["kind=stored", "together with a client"],
    ["kind=nothing", "kind must be one of refused, accepted"],
    ["publisher=p1&client=u1", "publisher must be alone"],
    ["client=u1&queue=jobs", "queue must be absent"],
    ["before=yesterday", "`next` of the previous page"],
    ["limit=201", "a whole number from 1 to 200"],
  ])("%s is refused with the way to fix it", async (query, detail) => {
    const { status, body } = await list(query);
    expect([status, body.detail]).toEqual([400, expect.stringContaining(detail)]);
  });
});

describe("watches", () => {
  test("a watch is made, shown and ended, and the tenant's document keeps its other members", async () => {
    const before = await operator.does("GET", "/acme");
    const { until } = await operator.does("PUT", "/acme/watches/client:u1", { seconds: 600 });
    expect(Math.abs(Date.parse(until as string) - Date.now() - 600_000)).toBeLessThan(30_000);
    await operator.does("PUT", "/acme/watches/publisher:shop%2Fa", { seconds: 60 });
    expect(await operator.does("GET", "/acme/watches")).toEqual({
      items: [{ id: "client:u1", until }, expect.objectContaining({ id: "publisher:shop/a" })],
    });
    expect(await operator.does("GET", "/acme/watches/client:u1")).toEqual({ id: "client:u1", until });
    await operator.does("DELETE", "/acme/watches/client:u1");
    expect((await operator.ask("DELETE", "/acme/watches/client:u1")).status).toBe(404);
    await operator.does("DELETE", "/acme/watches/publisher:shop%2Fa");
    const { changed: _was, ...rest } = before;
    expect(await operator.does("GET", "/acme")).toMatchObject(rest);
    expect(await operator.does("GET", "/acme")).not.toHaveProperty("watches");
  });

  test("many at once are all kept, and one too many is refused", async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `client:w${index}`);
    await Promise.all(ids.map((id) => operator.does("PUT", `/other/watches/${id}`, { seconds: 600 })));
    const { items } = await operator.does("GET", "/other/watches");
    expect((items as { id: string }[]).map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    const { status, body } = await operator.ask("PUT", "/other/watches/client:more", { seconds: 600 });
    expect([status, body.detail]).toEqual([409, "A tenant can have at most 50 watches. End one first."]);
    // An existing one can be made longer.
    await operator.does("PUT", "/other/watches/client:w1", { seconds: 604_800 });
  });

  test.each([
    ["client:a%20b", { seconds: 60 }],
    ["group:team", { seconds: 60 }],
    ["client:u1", { seconds: 604_801 }],
    ["client:u1", { seconds: 0 }],
    ["client:u1", {}],
  ])("%s with %j is refused", async (id, body) => {
    expect((await operator.ask("PUT", `/acme/watches/${id}`, body)).status).toBe(400);
  });
});
