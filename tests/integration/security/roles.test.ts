import { Redis } from "ioredis";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RateLimitPolicy } from "@saasaparilla/shared/rate-limits/rate-limit-policy.ts";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { GRANTS, type RoleName } from "@saasaparilla/shared/store-grants/grants.ts";
import { RedisRateLimiter } from "@saasaparilla/shared/rate-limits/redis-rate-limiter.ts";
import { provision, serviceEnv, startStack, type Kind, type Stack } from "#tests/support/stack.ts";

/** Each service's role can do only what GRANTS lists: every other action is tried. */
const KINDS: Kind[] = ["receiver", "director", "distributor", "console", "courier", "dispatcher", "recorder"];
let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});

afterAll(() => stack.close());

async function asOwner<T>(use: (client: pg.Client) => Promise<T>, url = stack.env.DATABASE_URL!): Promise<T> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

const as = <T>(kind: Kind, use: (client: pg.Client) => Promise<T>): Promise<T> =>
  asOwner(use, serviceEnv(stack.env, kind).DATABASE_URL);

/** "done", or the reason for the refusal. Every effect is rolled back. */
async function tried(client: pg.Client, text: string): Promise<string> {
  await client.query("begin");
  try {
    await client.query(text);
    return "done";
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return code === "42501" ? "denied" : message;
  } finally {
    await client.query("rollback");
  }
}

/** Without generated columns: their owner cannot set them either. */
async function columns(): Promise<Map<string, string[]>> {
  const { rows } = await asOwner((client) =>
    client.query<{ table: string; columns: string[] }>(
      `select table_name::text as table, array_agg(column_name::text) as columns from information_schema.columns
       where table_schema = $1 and is_generated = 'NEVER' group by 1`,
      [stack.namespace],
    ),
  );
  return new Map(rows.map(({ table, columns: names }) => [table, names]));
}

test.each(KINDS)("Postgres: a %s has exactly its granted rights on each table", async (kind) => {
  const tables = await columns();
  expect([...tables.keys()]).toEqual(
    expect.arrayContaining(["access", "epochs", "migrations", "stored_notifications_0"]),
  );
  await as(kind, async (client) => {
    for (const [table, names] of tables) {
      const granted = GRANTS[kind].postgres[table] ?? [];
      const name = `"${stack.namespace}"."${table}"`;
      const verdict = (verb: string): string => (granted.includes(verb) ? "done" : "denied");
      const said = {
        select: await tried(client, `select * from ${name} limit 0`),
        // No row is complete by its defaults: an allowed statement fails later.
        insert: (await tried(client, `insert into ${name} default values`)) === "denied" ? "denied" : "done",
        delete: await tried(client, `delete from ${name} where false`),
      };
      // A statement that names rows reads them: the right to delete is useless without the right to read.
      const wanted = { select: verdict("select"), insert: verdict("insert"), delete: verdict("delete") };
      expect({ table, ...said }).toEqual({ table, ...wanted });
      for (const column of names) {
        const may = granted.includes("update") || granted.includes(`update (${column})`);
        const update = await tried(client, `update ${name} set "${column}" = "${column}" where false`);
        expect([table, column, update]).toEqual([table, column, may ? "done" : "denied"]);
      }
      for (const text of [
        `truncate ${name}`,
        // A role that may delete or update may lock.
        ...(granted.some((verb) => verb === "delete" || verb === "update")
          ? []
          : [`lock table ${name} in access exclusive mode`]),
        `create trigger t before insert on ${name} execute function suppress_redundant_updates_trigger()`,
      ])
        expect([table, text, await tried(client, text)]).toEqual([table, text, "denied"]);
      expect(await tried(client, `alter table ${name} add column more int`)).toMatch(/must be owner|denied/);
      expect(await tried(client, `drop table ${name}`)).toMatch(/must be owner|denied/);
    }
  });
});

test.each(KINDS)("Postgres: a %s creates nothing, and assumes no other role", async (kind) => {
  const statements = (pid: number): string[] => [
    `create table "${stack.namespace}".mine (a int)`,
    "create table public.mine (a int)",
    "create temporary table mine (a int)",
    "create schema mine",
    "create role mine",
    "create database mine",
    `set role ${new URL(stack.env.DATABASE_URL!).username}`,
    `alter role "${stack.namespace}_${kind === "console" ? "receiver" : "console"}" password 'x'`,
    "select * from pg_authid",
    "copy (select 1) to program 'true'",
    "select pg_read_file('/etc/passwd')",
    `select pg_terminate_backend(${pid})`,
  ];
  await asOwner(async (owner) => {
    const { rows } = await owner.query<{ pid: number }>("select pg_backend_pid() as pid");
    await as(kind, async (client) => {
      for (const text of statements(rows[0]!.pid)) {
        // Some statements must run outside a transaction.
        const said = await client.query(text).then(
          () => "done",
          (error: unknown) => (error as { code?: string }).code ?? messageOf(error),
        );
        expect([text, said]).toEqual([text, "42501"]);
      }
    });
  });
});

test("Postgres: the next provision revokes extra grants of a role", async () => {
  await asOwner((client) => client.query(`grant all on "${stack.namespace}".epochs to "${stack.namespace}_receiver"`));
  await as("receiver", async (client) => {
    expect(await tried(client, `select * from "${stack.namespace}".epochs`)).toBe("done");
    await provision(stack.env);
    expect(await tried(client, `select * from "${stack.namespace}".epochs`)).toBe("denied");
  });
});

/** Commands with their arguments, for a key. */
const COMMANDS: Record<string, (key: string) => string[]> = {
  get: (key) => [key],
  set: (key) => [key, "v"],
  getdel: (key) => [key],
  del: (key) => [key],
  unlink: (key) => [key],
  hset: (key) => [key, "f", "v"],
  hdel: (key) => [key, "f"],
  hkeys: (key) => [key],
  hgetall: (key) => [key],
  expire: (key) => [key, "60"],
  persist: (key) => [key],
  dump: (key) => [key],
  rename: (key) => [key, `${key}2`],
  append: (key) => [key, "v"],
  incr: (key) => [key],
  type: (key) => [key],
  eval: (key) => ["return 1", "1", key],
  evalsha: (key) => ["0".repeat(40), "1", key],
};
const PREFIXES = ["c:", "s:", "r:", "t:", "p:", "x:"];
const ELSEWHERE: string[][] = [
  ["keys", "*"],
  ["scan", "0"],
  ["randomkey"],
  ["dbsize"],
  ["flushall"],
  ["flushdb"],
  ["config", "get", "*"],
  ["acl", "list"],
  ["acl", "whoami"],
  ["client", "list"],
  ["client", "kill", "id", "0"],
  ["monitor"],
  ["subscribe", "channel"],
  ["psubscribe", "*"],
  ["publish", "channel", "text"],
  ["script", "flush"],
  ["debug", "sleep", "0"],
  ["shutdown", "nosave"],
  ["replicaof", "no", "one"],
  ["slowlog", "get"],
];

const usersOfRedis: Kind[] = ["receiver", "director", "distributor", "courier", "dispatcher"];

async function inRedis<T>(kind: Kind, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(serviceEnv(stack.env, kind).REDIS_URL!, { lazyConnect: true, retryStrategy: null });
  redis.on("error", () => {});
  try {
    await redis.connect();
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

const said = (redis: Redis, [command, ...args]: string[]): Promise<string> =>
  redis.call(command!, ...args).then(
    () => "done",
    (error: unknown) => (/^NOPERM|not allowed/.test(messageOf(error)) ? "denied" : "done"),
  );

test.each(usersOfRedis)("Redis: a %s has exactly its granted rights on each kind of key", async (kind) => {
  await inRedis(kind, async (redis) => {
    for (const prefix of PREFIXES) {
      const key = `${stack.namespace}:${prefix}{roles}`;
      const granted = GRANTS[kind].redis.find(({ keys }) => keys === prefix)?.commands ?? [];
      for (const [command, args] of Object.entries(COMMANDS)) {
        const wanted = granted.includes(command) ? "done" : "denied";
        expect([key, command, await said(redis, [command, ...args(key)])]).toEqual([key, command, wanted]);
        const others = args(`other:${prefix}{roles}`);
        expect([others, command, await said(redis, [command, ...others])]).toEqual([others, command, "denied"]);
      }
    }
    for (const command of ELSEWHERE) expect([command, await said(redis, command)]).toEqual([command, "denied"]);
    // Redis checks the commands of a script, too: a script has only its caller's rights.
    const keys = `${stack.namespace}:${GRANTS[kind].redis[0]!.keys}{roles}`;
    const script = ["eval", "return redis.call('RENAME', KEYS[1], 'x')", "1", keys];
    await expect(redis.call(script[0]!, ...script.slice(1))).rejects.toThrow(/NOPERM|permission/i);
  });
});

test("Redis: a receiver counts its rates with the others", async () => {
  await inRedis("receiver", async (redis) => {
    let alone = 0;
    const rateLimiter = new RedisRateLimiter({ redis, waitMs: 5_000, alone: () => (alone += 1) });
    const bucket = { key: `${stack.namespace}:r:{roles}:rate`, policy: "tenant", rate: { rate: 0.001, burst: 5 } };
    const policy = new RateLimitPolicy([bucket]);
    expect((await rateLimiter.take(policy, 5)).refused).toBeUndefined();
    expect((await rateLimiter.take(policy, 1)).refused).toBeDefined();
    expect(alone).toBe(0);
  });
});

test("Redis: every user has a password", async () => {
  const url = new URL(serviceEnv(stack.env, "receiver").REDIS_URL!);
  url.password = "wrong";
  const redis = new Redis(url.href, { lazyConnect: true, retryStrategy: null });
  redis.on("error", () => {});
  await expect(redis.connect().then(() => redis.ping())).rejects.toThrow(/WRONGPASS|closed/);
  redis.disconnect();
});

async function sequences(): Promise<string[]> {
  const { rows } = await asOwner((client) =>
    client.query<{ name: string }>(
      "select sequence_name::text as name from information_schema.sequences where sequence_schema = $1",
      [stack.namespace],
    ),
  );
  return rows.map(({ name }) => name);
}

test("Postgres: only a role that may change a sequence draws numbers from it", async () => {
  for (const kind of KINDS)
    await as(kind, async (client) => {
      for (const name of await sequences()) {
        const said = await tried(client, `select nextval('"${stack.namespace}"."${name}"')`);
        expect([kind, name, said]).toEqual([kind, name, GRANTS[kind].postgres[name] ? "done" : "denied"]);
        expect(await tried(client, `select setval('"${stack.namespace}"."${name}"', 1)`)).toBe(said);
      }
    });
});

test("every table and every kind of key that a role names exists", async () => {
  const tables = await columns();
  const names = [...tables.keys(), ...(await sequences())];
  for (const role of Object.keys(GRANTS) as RoleName[]) {
    for (const table of Object.keys(GRANTS[role].postgres)) expect(names).toContain(table);
    for (const { keys, commands } of GRANTS[role].redis) {
      expect(PREFIXES).toContain(keys);
      expect(Object.keys(COMMANDS)).toEqual(expect.arrayContaining([...commands]));
    }
  }
});

test("one owner serves all without passwords; with some of them, provision names the missing ones", async () => {
  const passwords = Object.fromEntries(Object.entries(stack.env).filter(([name]) => name.endsWith("_PASSWORD")));
  const rest = Object.entries(stack.env).filter(([name]) => !(name in passwords));
  const old: Record<string, string> = { ...Object.fromEntries(rest), NAMESPACE: `${stack.namespace}_old` };
  await provision(old);
  const made = () =>
    asOwner(
      async (client) =>
        (await client.query("select rolname from pg_roles where rolname ~ $1", [`^${old.NAMESPACE}_`])).rowCount,
    );
  expect(await made()).toBe(0);
  await expect(provision({ ...old, RECEIVER_PASSWORD: passwords.RECEIVER_PASSWORD! })).rejects.toThrow(
    "DIRECTOR_PASSWORD, DISTRIBUTOR_PASSWORD, CONSOLE_PASSWORD, COURIER_PASSWORD, DISPATCHER_PASSWORD, RECORDER_PASSWORD",
  );
  // One more run moves an installation to roles, and no run moves it back: its owner keeps its rights.
  const all = { ...old, ...passwords };
  await provision(all);
  expect(await made()).toBe(KINDS.length);
  await provision(all, ["--drop"]);
  expect(await made()).toBe(0);
});
