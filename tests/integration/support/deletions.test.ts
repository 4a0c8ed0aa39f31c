import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DeletionStore } from "#services/console/support/deletion-store.ts";
import { auditEntries } from "#tests/support/audit-entries.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { MadeTimeline } from "#tests/support/made-timeline.ts";

/** What is deleted of a person and of a tenant, and what stays. */
let stack: Stack;
let operator: ConsoleApi;
let rows: MadeTimeline;

beforeAll(async () => {
  stack = await startStack({ services: ["console"] });
  operator = await ConsoleApi.of(stack, stack.services[0] as Service);
  rows = new MadeTimeline(stack);
});

afterAll(async () => {
  await rows.close();
  await stack.close();
});

const TABLES = [
  "stored_notifications",
  "inbox_items",
  "inbox_marks",
  "inbox_clients",
  "members",
  "full_clients",
  "publications",
  "publication_slices",
  "quarantine",
  "timeline",
] as const;

/** The rows of a tenant in each table. */
async function countsOf(tenant: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const table of TABLES) {
    const by = ["publications", "publication_slices", "quarantine", "timeline"].includes(table)
      ? "tenant = $1"
      : "split_part(client, '/', 1) = $1";
    const [row] = await rows.query<{ count: number }>(
      `select count(*)::int as count from $schema.${table} where ${by}`,
      [tenant],
    );
    counts[table] = row!.count;
  }
  return counts;
}

/** One row of a client in each table that can have one, `stored` in that one, and a message in quarantine. */
async function fill(tenant: string, client: string, stored = 1): Promise<void> {
  const [key, id] = [`${tenant}/${client}`, randomUUID()];
  await rows.query(
    `insert into $schema.stored_notifications (client, sequence, appended, body)
     select $1, lpad(to_hex(n), 19, '0'), now(), uuid_send(gen_random_uuid()) from generate_series(1, $2::int) as n`,
    [key, stored],
  );
  const week = "floor(extract(epoch from now()) / 604800)::int4";
  await rows.query(
    `insert into $schema.inbox_items (client, sequence, week, appended, id, retract, data)
     values ($1, $2, ${week}, now(), $3, false, '1')`,
    [key, "1".repeat(19), id],
  );
  await rows.query(`insert into $schema.inbox_marks (client, id, week, mark) values ($1, $2, ${week}, 2)`, [key, id]);
  await rows.query(`insert into $schema.inbox_clients (client, week, seen_to) values ($1, ${week}, '')`, [key]);
  await rows.query("insert into $schema.members (client, tenant, name) values ($1, $2, 'team')", [key, tenant]);
  await rows.query("insert into $schema.full_clients (client, boundary) values ($1, '')", [key]);
  await rows.query(
    `with new as (insert into $schema.publications (id, tenant, key, state, due, head)
       values ($1, $2, $3, 'waiting', now() + interval '1 day', '{}') returning id, tenant)
     insert into $schema.publication_slices (id, tenant, slice, hash) select id, tenant, -1, 0 from new`,
    [id, tenant, `${tenant}/client:${client}`],
  );
  await rows.query(
    "insert into $schema.quarantine (tenant, id, source, reason, body) values ($1, $2, 'queue/jobs', 'attempts', '1')",
    [tenant, randomUUID()],
  );
  await rows.add("listed", {}, { at: new Date(), id, client, tenant });
}

const ALL_ONE = Object.fromEntries(TABLES.map((table) => [table, 1]));

test("a client is deleted everywhere, and no other client", async () => {
  await fill("acme", "u1", 4_500);
  await fill("acme", "u10");
  await fill("other", "u1");
  await operator.does("PUT", "/acme/watches/client:u1", { seconds: 600 });
  await operator.does("PUT", "/acme/watches/client:u10", { seconds: 600 });
  const { finished, deleted, remains } = await operator.does("DELETE", "/acme/clients/u1");
  expect(finished).toBe(true);
  expect(deleted).toEqual({
    publications: 1,
    stored: 4_500,
    inbox: 1,
    marks: 1,
    listMarks: 1,
    groups: 1,
    fullClients: 1,
    timeline: 1,
    watches: 1,
  });
  expect(await countsOf("acme")).toEqual({ ...ALL_ONE, quarantine: 2 });
  expect(await countsOf("other")).toEqual(ALL_ONE);
  const { items } = await operator.does("GET", "/acme/watches");
  expect(items).toEqual([expect.objectContaining({ id: "client:u10" })]);
  const accepted = (remains as { where: string; until: string }[]).find(({ where }) => where.endsWith(".accepted"))!;
  expect(Date.parse(accepted.until)).toBeGreaterThan(Date.now() + 7 * 86_400_000);
  // A repeat finds nothing.
  const again = await operator.does("DELETE", "/acme/clients/u1");
  expect(Object.values(again.deleted as object).every((count) => count === 0)).toBe(true);
  await expect
    .poll(() => auditEntries(stack))
    .toContainEqual(
      expect.objectContaining({
        path: "/v1/tenants/acme/clients/u1",
        outcome: "committed",
        wrote: expect.arrayContaining([
          expect.objectContaining({ kind: "data of client", changed: expect.objectContaining({ stored: [4_500, 0] }) }),
        ]),
      }),
    );
});

test("a running publication to the client is left to its dispatcher", async () => {
  const id = randomUUID();
  await rows.query(
    `insert into $schema.publications (id, tenant, key, state, due, head)
     values ($1, 'acme', 'acme/client:busy', 'running', now(), '{}')`,
    [id],
  );
  const { deleted } = await operator.does("DELETE", "/acme/clients/busy");
  expect(deleted).toMatchObject({ publications: 0 });
});

test("the data of a tenant is deleted only while it is suspended, and other tenants keep theirs", async () => {
  await fill("globex", "u1", 3);
  await fill("globex", "{jobs}");
  await fill("globex2", "u1");
  const refused = await operator.ask("DELETE", "/globex");
  expect(refused.status).toBe(409);
  expect(refused.body.detail).toContain("Suspend it first");
  await operator.does("PUT", "/globex", { state: "suspended" });
  const { finished, deleted } = await operator.does("DELETE", "/globex");
  expect([finished, deleted]).toEqual([true, expect.objectContaining({ stored: 4, quarantine: 2, publications: 2 })]);
  expect(Object.values(await countsOf("globex")).every((count) => count === 0)).toBe(true);
  expect(await countsOf("globex2")).toEqual(ALL_ONE);
  expect(await operator.does("GET", "/globex")).toMatchObject({ state: "suspended" });
});

test("a deletion that is out of time says so, and its repeat deletes the rest", async () => {
  await fill("acme", "late", 5_000);
  const deletions = new DeletionStore(rows, stack.namespace);
  let looks = 0;
  const first = await deletions.delete({ tenant: "acme", client: "late" }, () => (looks += 1) > 3);
  expect(first).toEqual({ deleted: { publications: 1, stored: 4_000 }, finished: false });
  const second = await deletions.delete({ tenant: "acme", client: "late" }, () => false);
  expect(second).toMatchObject({ deleted: { publications: 0, stored: 1_000, inbox: 1 }, finished: true });
});

test("only operators of the platform delete the data of a tenant", async () => {
  const own = new ConsoleApi(
    stack.services[0] as Service,
    await stack.token({ publisher: "boss", scope: "operate", tenant: "acme" }),
  );
  // A token of the platform's issuer belongs to an operator of the platform, so a key of the tenant asks.
  const { key } = await operator.does("POST", "/acme/keys", { name: "boss", scopes: ["operate"], clients: [] });
  const boss = new ConsoleApi(stack.services[0] as Service, key as string);
  expect((await own.ask("GET", "/acme/clients/u1")).status).toBe(200);
  await expect.poll(async () => (await boss.ask("GET", "/acme/clients/u1")).status).toBe(200);
  expect((await boss.ask("DELETE", "/acme")).status).toBe(403);
  expect((await boss.ask("DELETE", "/other/clients/u1")).status).toBe(403);
});
