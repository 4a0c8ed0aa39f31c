import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { packSequence, sequenceAt } from "@saasaparilla/shared/protocol/notification.ts";
import { writeOptions, type EndOptions } from "@saasaparilla/shared/protocol/options.ts";
import { notificationBody, readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { connectPostgres, type Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { StoredEnds } from "@saasaparilla/shared/postgres/stored-ends.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { accept, outcomesOf } from "#tests/support/accepted-packs.ts";
import { provision, startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

let stack: Stack;
let postgres: Postgres;
let table: string;
let ended: string[];
/** Kafka's answer to the next outcomes. */
let kafka: Promise<unknown>;
let ends: StoredEnds;

beforeAll(async () => {
  stack = await startStack({ env: { DRAIN_MS: "0", GROUP_SESSION_MS: "1500", ACK_MS: "1500" } });
  postgres = connectPostgres(stack.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "fatal"),
    health: new Health([]),
  });
  table = `"${stack.namespace}".stored_notifications`;
  ends = new StoredEnds(postgres, stack.namespace, {
    partitions: 4,
    append(some) {
      ended.push(...some.map(({ id, outcome }) => `${Number.parseInt(id.slice(-4), 16)} ${outcome}`));
      return kafka;
    },
  });
});

beforeEach(() => {
  ended = [];
  kafka = Promise.resolve();
});

afterAll(async () => {
  await postgres.close();
  await stack.close();
});

const at = (n: number): string => sequenceAt(packSequence(1, n), 0);

function row(client: string, n: number, options?: EndOptions, expires?: number): StoredNotification {
  const writer = new PackWriter();
  const id = `00000000-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
  writer.notification({ key: client, id, options: options && writeOptions(options), payload: Buffer.from("1") });
  let body = Buffer.alloc(0);
  readPack(writer.take(), (_, item) => (body = Buffer.from(item)));
  return { client, sequence: at(n), appended: 1.8e12, expires, body, options: notificationBody.endOptions(body) };
}

async function storedOf(client: string): Promise<string[]> {
  const { rows } = await postgres.pool.query<{ sequence: string }>(
    `select sequence from ${table} where client = $1 order by sequence`,
    [client],
  );
  return rows.map(({ sequence }) => sequence);
}

test("the last row of a collapse key stays, in whatever order rows are inserted", async () => {
  const asks = { collapse: "k", outcomes: "q" };
  await ends.insert([row("t/a", 1, asks), row("t/a", 2), row("t/a", 3, { collapse: "other" }), row("t/b", 1, asks)]);
  await ends.insert([row("t/a", 5, asks)]);
  expect([await storedOf("t/a"), ended]).toEqual([[at(2), at(3), at(5)], ["1 replaced"]]);
  // A deferred row, or one of an earlier owner, can come after its replacement.
  await ends.insert([row("t/a", 4, asks)]);
  expect([await storedOf("t/a"), ended]).toEqual([
    [at(2), at(3), at(5)],
    ["1 replaced", "4 replaced"],
  ]);
  await ends.insert([row("t/a", 6, asks), row("t/a", 7, { collapse: "k", retract: true })]);
  expect([await storedOf("t/a"), ended.slice(2).toSorted()]).toEqual([
    [at(2), at(3), at(7)],
    ["5 retracted", "6 retracted"],
  ]);
  expect(await storedOf("t/b")).toEqual([at(1)]);
});

test("two owners of one partition leave one row of a key, however their inserts overlap", async () => {
  const numbers = Array.from({ length: 40 }, (_, n) => n + 1);
  await Promise.all(numbers.toReversed().map((n) => ends.insert([row("t/race", n, { collapse: "k", outcomes: "q" })])));
  expect([await storedOf("t/race"), new Set(ended).size]).toEqual([[at(40)], 39]);
});

test("rows go only when Kafka has their outcomes; those without options never wait for it", async () => {
  await ends.insert([row("t/acked", 1, { outcomes: "q" }), row("t/acked", 2), row("t/acked", 3, { outcomes: "q" })]);
  const acked = new Map([["t/acked", at(2)]]);
  kafka = Promise.reject(new Error("Kafka is away."));
  kafka.catch(() => {});
  await expect(ends.deleteUpTo(acked)).rejects.toThrow("Kafka did not take the outcomes");
  expect([await storedOf("t/acked"), ended]).toEqual([[at(1), at(3)], ["1 acknowledged"]]);
  kafka = Promise.resolve();
  await ends.deleteUpTo(acked);
  expect([await storedOf("t/acked"), ended]).toEqual([[at(3)], ["1 acknowledged", "1 acknowledged"]]);
});

test("the sweep reports what expired", async () => {
  await ends.insert([row("t/late", 1, { outcomes: "q" }, 1), row("t/late", 2, { collapse: "k" }, 1)]);
  expect((await ends.sweep(10)).map(({ client }) => client)).toEqual(["t/late"]);
  expect([await storedOf("t/late"), ended]).toEqual([[at(2)], ["1 expired"]]);
});

test("an interrupted migration of indexes is completed, beside writers and beside another run", async () => {
  const indexes = async (): Promise<Record<string, boolean>> => {
    const { rows } = await postgres.pool.query<{ name: string; valid: boolean }>(
      `select relid::regclass::text as name, indisvalid as valid
       from unnest($1::text[]) as parent cross join pg_partition_tree(parent::regclass) join pg_index on indexrelid = relid`,
      [["stored_collapse", "stored_outcomes"].map((name) => `"${stack.namespace}".${name}`)],
    );
    return Object.fromEntries(rows.map(({ name, valid }) => [name, valid]));
  };
  const before = Object.keys(await indexes()).length;
  expect(before).toBe(2 * (1 + 8));
  const schema = `"${stack.namespace}"`;
  await postgres.pool.query(`drop index ${schema}.stored_collapse, ${schema}.stored_outcomes`);
  await postgres.pool.query(`delete from ${schema}.migrations where number = 11`);
  // As an interrupted run leaves it: the parent without partitions, and an index that is not valid.
  await postgres.pool.query(
    `create index stored_collapse on only ${table} (client, collapse, sequence) where collapse is not null`,
  );
  await postgres.pool.query(
    `create index stored_notifications_0_stored_collapse on ${schema}.stored_notifications_0 (client, collapse, sequence) where collapse is not null`,
  );
  await postgres.pool.query(
    `update pg_index set indisvalid = false where indexrelid = '${schema}.stored_notifications_0_stored_collapse'::regclass`,
  );
  const writers = new AbortController();
  const writing = (async () => {
    for (let n = 1; !writers.signal.aborted; n += 1) await ends.insert([row("t/writer", n)]);
  })();
  await Promise.all([provision(stack.env), provision(stack.env)]);
  writers.abort();
  await writing;
  const after = await indexes();
  expect([Object.keys(after).length, Object.values(after).every(Boolean)]).toEqual([before, true]);
});

test("a director that is killed between an outcome and its deletion repeats the outcome, with the same id", async () => {
  const client = "killed";
  const distributor = await stack.start("distributor");
  const first = await stack.start("director");
  const [id] = await accept(stack, [{ client, outcomes: "log" }]);
  await storedFor(stack, [client], 1);
  // The commit of a deletion waits for the test.
  const gate = new pg.Client(stack.env.DATABASE_URL);
  await gate.connect();
  const schema = `"${stack.namespace}"`;
  await gate.query("select pg_advisory_lock(hashtext($1))", [stack.namespace]);
  await gate.query(
    `create function ${schema}.wait_for_test() returns trigger language plpgsql security definer as $$
     begin perform pg_advisory_xact_lock_shared(hashtext('${stack.namespace}')); return null; end $$`,
  );
  await gate.query(
    `create constraint trigger wait_for_test after delete on ${table} deferrable initially deferred
     for each row execute function ${schema}.wait_for_test()`,
  );
  const subscriber = await Subscriber.of(stack, { client, transport: "websocket" });
  await subscriber.connect(distributor);
  await subscriber.until("it is here", () => subscriber.received.length === 1);
  const outcomes = async (): Promise<readonly string[]> => (await outcomesOf(stack, [id!])).get(id!)!;
  await expect.poll(outcomes, { timeout: 30_000, interval: 300 }).toEqual(["acknowledged"]);
  first.kill("SIGKILL");
  await first.exited;
  await gate.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'director' and usename = $1",
    [`${stack.namespace}_director`],
  );
  await gate.query(`drop trigger wait_for_test on ${table}`);
  await gate.query("select pg_advisory_unlock_all()");
  await gate.end();
  expect(await storedOf(`acme/${client}`)).toHaveLength(1);
  const second: Service = await stack.start("director");
  await storedFor(stack, [client], 0);
  expect(new Set(await outcomes())).toEqual(new Set(["acknowledged"]));
  expect((await outcomes()).length).toBeGreaterThan(1);
  await subscriber.close();
  await second.stop();
});
