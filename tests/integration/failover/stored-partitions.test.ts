import { randomUUID } from "node:crypto";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { connectPostgres, type Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { StoredNotifications, type StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { provision, startStack, type Stack } from "#tests/support/stack.ts";

const PARTITIONS = 5;
const CLIENTS = 200;
const key = (index: number): string => `acme/client-${index}`;
const sequence = (number: number): string => number.toString(16).padStart(24, "0");

let stack: Stack;
let postgres: Postgres;
let stored: StoredNotifications;

beforeAll(async () => {
  stack = await startStack({ env: { STORED_PARTITIONS: "3" } });
  postgres = connectPostgres(stack.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "warn"),
    health: new Health([]),
    connections: 1,
  });
  stored = new StoredNotifications(postgres, stack.namespace);
});

afterAll(async () => {
  await postgres.close();
  await stack.close();
});

const rows = (client: string, count = 3): StoredNotification[] =>
  Array.from({ length: count }, (_, index) => ({
    client,
    sequence: sequence(index + 1),
    appended: Date.now(),
    expires: undefined,
    body: Buffer.from(randomUUID()),
  }));

async function partitions(): Promise<string[]> {
  const text = "select relid::regclass::text as name from pg_partition_tree($1) where isleaf order by 1";
  const { rows: found } = await postgres.pool.query<{ name: string }>(text, [
    `"${stack.namespace}".stored_notifications`,
  ]);
  return found.map(({ name }) => name.split(".").at(-1)!);
}

test("the number of partitions is a setting until rows are stored, which then stay in place", async () => {
  expect(await partitions()).toHaveLength(3);
  await provision({ ...stack.env, STORED_PARTITIONS: String(PARTITIONS) });
  expect(await partitions()).toHaveLength(PARTITIONS);
  await stored.insert(Array.from({ length: CLIENTS }, (_, index) => rows(key(index))).flat());
  await provision({ ...stack.env, STORED_PARTITIONS: "7" });
  const { rows: counts } = await postgres.pool.query<{ name: string; clients: number; rows: number }>(
    `select tableoid::regclass::text as name, count(distinct client)::int as clients, count(*)::int as rows
     from "${stack.namespace}".stored_notifications group by 1`,
  );
  expect(counts).toHaveLength(PARTITIONS);
  expect(counts.reduce((sum, each) => sum + each.clients, 0)).toBe(CLIENTS);
  // No partition has twice its share.
  for (const each of counts) expect(each.clients).toBeLessThan((2 * CLIENTS) / PARTITIONS);
});

test("unique keys are unique within a client on each partition, so rows can be distributed by client", async () => {
  const { rows: unique } = await postgres.pool.query<{ table: string; columns: string[] }>(
    `select indrelid::regclass::text as table,
            (select array_agg(attname::text) from pg_attribute where attrelid = indrelid and attnum = any(indkey)) as columns
     from pg_index where indisunique and indrelid in (select relid from pg_partition_tree($1))`,
    [`"${stack.namespace}".stored_notifications`],
  );
  expect(unique).toHaveLength(1 + PARTITIONS);
  for (const { columns } of unique) expect(columns).toContain("client");
});

interface Plan {
  "Relation Name"?: string;
  "Actual Loops": number;
  Plans?: Plan[];
}

function touched(plan: Plan): string[] {
  const own = plan["Relation Name"] !== undefined && plan["Actual Loops"] > 0 ? [plan["Relation Name"]] : [];
  return [...own, ...(plan.Plans ?? []).flatMap(touched)];
}

function literal(value: unknown): string {
  if (!Array.isArray(value)) return pg.escapeLiteral(String(value));
  const items = value.map((item: Buffer | string | number | null) =>
    item === null ? "NULL" : `"${Buffer.isBuffer(item) ? `\\\\x${item.toString("hex")}` : String(item)}"`,
  );
  return pg.escapeLiteral(`{${items.join(",")}}`);
}

interface Statement {
  name: string;
  text: string;
  values: unknown[];
}

/** The partitions that a statement reads or writes with the generic plan that the services get. */
async function leavesOf({ text, values }: Statement): Promise<Set<string>> {
  const session = await postgres.pool.connect();
  try {
    await session.query("begin");
    await session.query(`prepare asked as ${text}`);
    const { rows: plans } = await session.query<{ "QUERY PLAN": [{ Plan: Plan }] }>(
      `explain (analyze, format json) execute asked${values.length === 0 ? "" : `(${values.map(literal).join(", ")})`}`,
    );
    return new Set(touched(plans[0]!["QUERY PLAN"][0].Plan).filter((name) => name.startsWith("stored_notifications_")));
  } finally {
    await session.query("rollback; deallocate all");
    session.release();
  }
}

test("each statement uses only the partition of its client", async () => {
  const statements: Statement[] = [];
  const pool = {
    query(statement: Statement) {
      statements.push(statement);
      return postgres.pool.query(statement);
    },
  };
  const observed = new StoredNotifications({ ...postgres, pool: pool as unknown as pg.Pool }, stack.namespace);
  const client = key(7);
  const leaf = `select tableoid::regclass::text as name from "${stack.namespace}".stored_notifications where client = $1`;
  const { rows: found } = await postgres.pool.query<{ name: string }>(leaf, [client]);
  const its = new Set(found.map(({ name }) => name.split(".").at(-1)!));
  expect(its.size).toBe(1);

  await observed.insert(rows(client, 5));
  await observed.pages([{ client, after: sequence(0) }], 1_024);
  await observed.waiting(new Map([[client, sequence(0)]]));
  // Rows stay, so that there is something to find when the statement is explained.
  await observed.deleteUpTo(new Map([[client, sequence(0)]]));
  statements.at(-1)!.values = [[client], [sequence(2)]];
  const fullInboxes = new FullInboxes({ ...postgres, pool: pool as unknown as pg.Pool }, stack.namespace);
  expect(await fullInboxes.mark(new Map([[client, 5]]))).toEqual([client]);
  expect(await fullInboxes.clearRead()).toEqual([]);
  expect(await fullInboxes.clear(client, 5)).toBe(false);
  const [insert, ...others] = statements;
  for (const statement of others) expect([statement.name, await leavesOf(statement)]).toEqual([statement.name, its]);
  // An insert routes each row at run time; its plan shows no partition.
  expect(await leavesOf(insert!)).toEqual(new Set());
  // The expiry sweep covers every partition. Add each new statement here.
  const known = ["constructor", "insert", "pages", "deleteUpTo", "waiting", "sweep"];
  expect(Object.getOwnPropertyNames(StoredNotifications.prototype)).toEqual(known);
  expect(Object.getOwnPropertyNames(FullInboxes.prototype)).toEqual([
    "constructor",
    "mark",
    "clearRead",
    "toCount",
    "clear",
    "all",
  ]);
});
