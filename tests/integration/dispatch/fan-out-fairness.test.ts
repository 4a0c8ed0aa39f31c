import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { Dispatch } from "#tests/support/dispatch.ts";
import { startDispatchPlatform, type DispatchPlatform } from "#tests/support/dispatch-platform.ts";

const LARGE = 20_000;
let platform: DispatchPlatform;
let other: Dispatch;

beforeAll(async () => {
  // A large group takes ten seconds. Its tenant may publish far fewer a second.
  platform = await startDispatchPlatform({
    env: { FANOUT_RATE: "2000", TENANT_PUBLISH_RATE: "500", TENANT_PUBLISH_BURST: "3000", GROUP_SESSION_MS: "2000" },
  });
  other = new Dispatch(platform.stack, "other");
  await platform.dispatch.fill("large", LARGE, "l");
  await platform.dispatch.fill("five", 5, "f");
  await other.fill("pages", 2_500, "p");
});

afterAll(async () => {
  await other.close();
  await platform.close();
});

const running = (id: string) =>
  vi.waitUntil(async () => {
    const [row] = await platform.dispatch.query<{ written: number }>(
      "select coalesce(sum(written), 0)::int as written from $schema.publication_slices where id = $1",
      [id],
    );
    return row!.written > 0;
  }, 60_000);

test("a small group behind a large one arrives within two seconds, and other tenants do not wait", async () => {
  const [large] = await platform.dispatch.publish({ to: { group: "large" } });
  await running(large!);
  const started = performance.now();
  const [small] = await platform.dispatch.publish({ to: { group: "five" } });
  expect(await platform.dispatch.ended(small!)).toMatchObject({ state: "done", written: 5 });
  expect(performance.now() - started).toBeLessThan(2_000);
  const [pages] = await other.publish({ to: { group: "pages" } });
  expect(await other.ended(pages!)).toMatchObject({ state: "done", written: 2_500 });
  expect(await platform.dispatch.state(large!)).toMatchObject({ state: "running" });
  await platform.api.ask("DELETE", `publications/${large}`);
});

test("publications that wait behind one of their group never crowd it out, also after a restart", async () => {
  await platform.dispatch.fill("busy", 3_000, "b");
  // More than the slices of a tenant that a dispatcher holds.
  const ids = await platform.dispatch.publish(...Array.from({ length: 80 }, () => ({ to: { group: "busy" } })));
  await running(ids[0]!);
  const [dispatcher] = platform.stack.services.filter(({ kind }) => kind === "dispatcher");
  await dispatcher!.stop();
  // The first one is the last to be found.
  await platform.dispatch.query("update $schema.publication_slices set expected = expected where id = $1", [ids[0]]);
  platform.api.use(await platform.stack.start("dispatcher"));
  // A cancelled one makes room for the next.
  for (const id of ids.slice(1)) await platform.api.ask("DELETE", `publications/${id}`);
  await platform.operator.does("PUT", "/acme", { limits: { publishRate: 20_000, publishBurst: 20_000 } });
  expect(await platform.dispatch.ended(ids[0]!, 60_000)).toEqual({ state: "done", written: 3_000, refused: 0 });
});

test("a member that joins or leaves during a fan-out counts when its page is read", async () => {
  await platform.operator.does("PUT", "/acme", { limits: { publishRate: 20_000, publishBurst: 20_000 } });
  await platform.dispatch.fill("changing", 8_000, "c");
  const [id] = await platform.dispatch.publish({ to: { group: "changing" } });
  await running(id!);
  // Pages follow the order of slice and key. Each of these is the last one of the last slice, and so of the last page.
  const last = await platform.dispatch.query<{ client: string }>(
    `select client from $schema.members where name = 'changing' order by slice desc, client desc limit 500`,
  );
  const leaving = last.map(({ client }) => client.slice("acme/".length));
  const joining = Array.from({ length: 500 }, (_, n) => `late-${n}`);
  const change = await platform.api.ask("POST", "groups/changing/members", { add: joining, remove: leaving });
  expect(change.body).toEqual({ added: 500, removed: 500 });
  const { state, written } = await platform.dispatch.ended(id!, 60_000);
  const reached = new Set((await readAccepted(platform.stack)).map(({ key }) => key));
  // Their page was not read yet, so those that left get nothing. Of those that joined, some were before the page.
  expect(leaving.filter((client) => reached.has(`acme/${client}`))).toEqual([]);
  const joined = joining.filter((client) => reached.has(`acme/${client}`)).length;
  expect({ state, written }).toEqual({ state: "done", written: 7_500 + joined });
  expect(joined).toBeGreaterThan(0);
});
