import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { auditEntries } from "#tests/support/audit-entries.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { startTenancy } from "#tests/support/tenants.ts";
import { MadeTimeline } from "#tests/support/made-timeline.ts";

/** Clients, as support sees them. */
let stack: Stack;
let distributor: Service;
let desk: Service;
let operator: ConsoleApi;
let rows: MadeTimeline;

beforeAll(async () => {
  ({ stack, distributor, desk, operator } = await startTenancy({ POLL_GRACE_MS: "2000" }));
  rows = new MadeTimeline(stack);
});

afterAll(async () => {
  await rows.close();
  await stack.close();
});

interface View {
  connections: { connection: string; transport: string; address: string; since: string }[] | null;
  stored: { count: number; more: boolean; oldest?: string };
  groups: string[];
  recent: { id: string; state: { name: string; sentence: string } }[];
}

const view = async (client: string): Promise<View> =>
  (await operator.does("GET", `/acme/clients/${client}`)) as unknown as View;

test("a client's connections are shown with transport, address and time", async () => {
  const publisher = await Publisher.of(stack);
  const subscribers = await Promise.all(
    TRANSPORTS.map((transport) => Subscriber.of(stack, { client: "seen", transport })),
  );
  for (const subscriber of subscribers) await subscriber.connect(distributor);
  await publisher.number("seen");
  await Promise.all(subscribers.map((subscriber) => subscriber.all(publisher)));
  await expect.poll(async () => (await view("seen")).connections?.length).toBe(TRANSPORTS.length);
  const { connections } = await view("seen");
  expect(connections!.map(({ transport }) => transport).toSorted()).toEqual([...TRANSPORTS].toSorted());
  for (const { address, connection, since } of connections!) {
    expect(address).toBe("127.0.0.1");
    expect(connection).toMatch(/^\d+:\d+:\d+$/);
    expect(Math.abs(Date.now() - Date.parse(since))).toBeLessThan(120_000);
  }
  const { sentences } = await operator.does("GET", "/acme/clients/seen/explain");
  expect(sentences).toContainEqual(expect.stringContaining("seen is connected now: "));
  await Promise.all(subscribers.map((subscriber) => subscriber.close()));
  await expect.poll(async () => (await view("seen")).connections).toEqual([]);
});

test("a client's stored notifications and groups are shown, and why it has not got them", async () => {
  const publisher = await Publisher.of(stack);
  await publisher.number("away", 3);
  await storedFor(stack, ["away"], 3);
  await rows.query("insert into $schema.members (client, tenant, name) values ('acme/away', 'acme', 'team')");
  const { stored, groups, connections, recent } = await view("away");
  expect(stored).toMatchObject({ count: 3, more: false, oldest: expect.any(String) });
  expect([groups, connections]).toEqual([["team"], []]);
  expect(recent.map(({ id }) => id).toSorted()).toEqual([...publisher.accepted("away")].toSorted());
  expect(recent.map(({ state }) => state.name)).toEqual(["stored", "stored", "stored"]);
  const [id] = publisher.accepted("away");
  const { state, sentences, unknown } = await operator.does("GET", `/acme/clients/away/explain?id=${id}`);
  expect(state).toMatchObject({ name: "stored" });
  expect(sentences).toContain("No connection of away is registered now.");
  expect(sentences).toContainEqual(expect.stringContaining("3 notifications are stored for away now."));
  expect(unknown).toContainEqual(expect.stringContaining("no step of it"));
});

test("explain finds a recipient's part of a publication by the publication's id", async () => {
  const publication = "0190a3f2-7d52-7a31-9a44-1d8a3c9c1f10";
  const { recipientId } = await import("@saasaparilla/shared/protocol/publication.ts");
  const id = recipientId(publication, "acme/member");
  await rows.add("fanned-out", { publication, target: "group:team" }, { at: new Date(), id, client: "member" });
  const { sentences, state } = await operator.does("GET", `/acme/clients/member/explain?id=${publication}`);
  expect(state).toMatchObject({ name: "fanned-out" });
  expect(sentences).toContain(`It is the notification ${id}, a part of the publication ${publication}.`);
});

describe("disconnect", () => {
  test.for(TRANSPORTS)("R30: ends each connection over %s with 4012, and the client comes back", async (transport) => {
    const client = `cut-${transport}`;
    const [subscriber, other] = await Promise.all([
      Subscriber.of(stack, { client, transport }),
      Subscriber.of(stack, { client: `kept-${transport}`, transport }),
    ]);
    await Promise.all([subscriber.connect(distributor), other.connect(distributor)]);
    await expect.poll(async () => (await view(client)).connections?.length).toBe(1);
    const { connections } = await operator.does("POST", `/acme/clients/${client}/disconnect`);
    expect(connections).toHaveLength(1);
    await subscriber.until("it is ended", () => !subscriber.open);
    if (transport !== "poll")
      expect(subscriber.frames.at(-1)).toMatchObject({ type: "closing", code: 4012, reconnect: "now" });
    if (transport !== "sse") expect(subscriber.end).toMatchObject({ code: 4012 });
    expect(other.open).toBe(true);
    const publisher = await Publisher.of(stack);
    await publisher.number(client);
    await subscriber.connect(distributor);
    await subscriber.all(publisher);
    await Promise.all([subscriber.close(), other.close()]);
  });

  test("is refused to the scope read, to another tenant's operator, and for an unknown tenant", async () => {
    const auditor = new ConsoleApi(desk, await stack.token({ publisher: "auditor", scope: "read" }));
    expect((await auditor.ask("GET", "/acme/clients/u1")).status).toBe(200);
    for (const [method, path] of [
      ["POST", "/acme/clients/u1/disconnect"],
      ["DELETE", "/acme/clients/u1"],
      ["DELETE", "/acme"],
      ["PUT", "/acme/watches/client:u1"],
    ] as const)
      expect((await auditor.ask(method, path, method === "PUT" ? { seconds: 60 } : undefined)).status).toBe(403);
    expect((await operator.ask("POST", "/nosuch/clients/u1/disconnect")).status).toBe(404);
    expect((await operator.ask("GET", "/acme/clients/a%20b")).status).toBe(400);
  });

  test("is audited with the number of connections", async () => {
    await operator.does("POST", "/acme/clients/nobody-here/disconnect");
    await expect
      .poll(() => auditEntries(stack))
      .toContainEqual(
        expect.objectContaining({
          path: "/v1/tenants/acme/clients/nobody-here/disconnect",
          outcome: "committed",
          wrote: [{ kind: "connections", id: "nobody-here", changed: { connections: [0, 0] } }],
        }),
      );
  });
});
