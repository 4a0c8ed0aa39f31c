import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { connectPostgres, type Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import {
  OpenSlices,
  SLICES_OF_TENANT,
  TENANTS_READ,
  type Load,
} from "#services/dispatcher/publications/open-slices.ts";
import { PublicationStore } from "#services/dispatcher/publications/publication-store.ts";
import { Dispatch } from "#tests/support/dispatch.ts";
import { startStack, type Stack } from "#tests/support/stack.ts";

const OWNED = [0, 1, 2, 3];
let stack: Stack;
let dispatch: Dispatch;
let postgres: Postgres;
/** Pages that each statement touched. */
const buffers: number[] = [];

beforeAll(async () => {
  stack = await startStack();
  dispatch = new Dispatch(stack);
  const log = createLog("test", "warn");
  postgres = connectPostgres(stack.env.DATABASE_URL!, { service: "dispatcher", log, health: new Health(["postgres"]) });
});

afterAll(async () => {
  await postgres.close();
  await dispatch.close();
  await stack.close();
});

beforeEach(async () => {
  buffers.length = 0;
  await dispatch.query("truncate $schema.publications, $schema.publication_slices");
});

/** `deep` running publications for each of a tenant's keys k000, k001 and so on. */
async function fill(tenant: string, keys: number, deep = 1): Promise<void> {
  await dispatch.query(
    `with new as (
       insert into $schema.publications (id, tenant, key, state, due, head, body)
       select gen_random_uuid(), $1, $1 || '/client:k' || lpad((n % $2)::text, 3, '0'), 'running', now(), '{}', '1'
       from generate_series(0, $2::int * $3 - 1) as n returning id, tenant, key)
     insert into $schema.publication_slices (id, tenant, slice, hash, expected)
     select id, tenant, -1, abs(hashtext(key)), 1 from new`,
    [tenant, keys, deep],
  );
  await dispatch.query("analyze $schema.publications");
  await dispatch.query("analyze $schema.publication_slices");
}

interface Plan {
  "QUERY PLAN": [{ Plan: { "Shared Hit Blocks": number; "Shared Read Blocks": number } }];
}

/** Explains each statement before it runs. */
function explained(): Postgres {
  const query = async ({ text, values }: { text: string; values: unknown[] }): Promise<unknown> => {
    const { rows } = await postgres.pool.query<Plan>(`explain (analyze, buffers, format json) ${text}`, values);
    const { Plan: plan } = rows[0]!["QUERY PLAN"][0];
    buffers.push(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]);
    return postgres.pool.query(text, values);
  };
  return { pool: { query } } as unknown as Postgres;
}

const opened = (): OpenSlices => new OpenSlices(postgres, stack.namespace);
const keysOf = ({ slices }: Load): string[] => slices.map(({ key }) => key);

test("a load reads as little of a long backlog as of a short one", async () => {
  const load = async (deep: number): Promise<number> => {
    await dispatch.query("truncate $schema.publications, $schema.publication_slices");
    await fill("acme", 100, deep);
    const { slices } = await new OpenSlices(explained(), stack.namespace).next(OWNED, 4, []);
    expect(slices).toHaveLength(100);
    return buffers.at(-1)!;
  };
  const [short, long] = [await load(2), await load(200)];
  expect(long).toBeLessThan(2 * short);
});

test("one key with a long backlog costs no more than one publication of it", async () => {
  const cost = async (deep: number): Promise<number[]> => {
    await dispatch.query("truncate $schema.publications, $schema.publication_slices");
    await fill("acme", 1, deep);
    buffers.length = 0;
    const { slices } = await new OpenSlices(explained(), stack.namespace).next(OWNED, 4, []);
    expect(slices).toHaveLength(1);
    const store = new PublicationStore(explained(), stack.namespace);
    expect(await store.busyKeys(["acme/client:k000", "acme/client:none"])).toEqual(new Set(["acme/client:k000"]));
    await store.end([slices[0]!.id]);
    return [...buffers];
  };
  const [short, long] = [await cost(2), await cost(20_000)];
  for (const [index, pages] of long.entries()) expect(pages).toBeLessThan(2 * short[index]! + 100);
});

test("a load has a bound, the next one goes on behind it, and after the last key it begins again", async () => {
  await fill("acme", 2 * SLICES_OF_TENANT + 10, 3);
  const slices = opened();
  const loads: Load[] = [];
  for (let load = 0; load < 4; load += 1) loads.push(await slices.next(OWNED, 4, []));
  const [first, second, third, again] = loads.map(keysOf);
  expect([first, second, third].map((keys) => keys!.length)).toEqual([SLICES_OF_TENANT, SLICES_OF_TENANT, 10]);
  expect(new Set([...first!, ...second!, ...third!]).size).toBe(2 * SLICES_OF_TENANT + 10);
  expect(again).toEqual(first);
  expect(loads.map(({ more }) => more)).toEqual([true, true, true, true]);
});

test("a load brings the first publication of each key, and says that it left none", async () => {
  await fill("acme", 3, 5);
  const firsts = await dispatch.query<{ id: string }>(
    "select distinct on (key) id from $schema.publications order by key, place",
  );
  const load = await opened().next(OWNED, 4, []);
  expect(load.slices.map(({ id }) => id)).toEqual(firsts.map(({ id }) => id));
  expect(load.more).toBe(false);
});

test("tenants with few keys do not wait for those with many, however many tenants there are", async () => {
  const tenants = Array.from({ length: TENANTS_READ + 6 }, (_, n) => `t${String(n).padStart(3, "0")}`);
  await fill(tenants[0]!, 300);
  for (const tenant of tenants.slice(1)) await fill(tenant, 1);
  const slices = opened();
  const [first, second, third] = [
    await slices.next(OWNED, 4, []),
    await slices.next(OWNED, 4, []),
    await slices.next(OWNED, 4, []),
  ];
  expect(new Set(first.slices.map(({ tenant }) => tenant))).toEqual(new Set(tenants.slice(0, TENANTS_READ)));
  expect(second.slices.map(({ tenant }) => tenant)).toEqual(tenants.slice(TENANTS_READ));
  // The first tenant goes on where it was.
  const ofFirst = (load: Load): string[] => keysOf(load).filter((key) => key.startsWith(`${tenants[0]}/`));
  expect(ofFirst(first)).toEqual([0, 1, 2, 3].map((n) => `t000/client:k00${n}`));
  expect(ofFirst(third)).toEqual([4, 5, 6, 7].map((n) => `t000/client:k00${n}`));
});

test("names of tenants that begin like another one's do not hide its keys", async () => {
  const tenants = ["a", "a-b", "a.b", "a0", "aa"];
  for (const tenant of tenants) await fill(tenant, 2);
  const { slices } = await opened().next(OWNED, 4, []);
  expect(new Set(slices.map(({ tenant }) => tenant))).toEqual(new Set(tenants));
  expect(slices).toHaveLength(10);
});

test("a tenant with enough slices in memory is left out, and then goes on where it was", async () => {
  await fill("full", 200);
  await fill("other", 1);
  const slices = opened();
  const first = keysOf(await slices.next(OWNED, 4, []));
  expect(keysOf(await slices.next(OWNED, 4, ["full"]))).toEqual(["other/client:k000"]);
  const next = keysOf(await slices.next(OWNED, 4, []));
  expect(next.filter((key) => first.includes(key))).toEqual(["other/client:k000"]);
  expect(next.length).toBeGreaterThan(1);
});

test("keys of other dispatchers hide none of this one's", async () => {
  await fill("acme", 400);
  const found = new Set<string>();
  for (const owned of [[0], [1], [2, 3]]) {
    const slices = opened();
    for (let load = 0; load < 4; load += 1)
      for (const key of keysOf(await slices.next(owned, 4, []))) found.add(`${String(owned)} ${key}`);
  }
  expect(found.size).toBe(400);
});

test("a load finds a first publication that its dispatcher did not end, and the next one follows", async () => {
  await fill("acme", 1, 2);
  const slices = opened();
  const [slice] = (await slices.next(OWNED, 4, [])).slices;
  await dispatch.query("update $schema.publication_slices set done = true where id = $1", [slice!.id]);
  const { finished, slices: none } = await slices.next(OWNED, 4, []);
  expect([finished, none]).toEqual([[slice!.id], []]);
  await new PublicationStore(postgres, stack.namespace).end(finished);
  expect(await dispatch.state(slice!.id)).toMatchObject({ state: "done" });
  const after = await slices.next(OWNED, 4, []);
  expect(after.finished).toEqual([]);
  expect(after.slices.map(({ id }) => id)).not.toContain(slice!.id);
  expect(after.slices).toHaveLength(1);
});
