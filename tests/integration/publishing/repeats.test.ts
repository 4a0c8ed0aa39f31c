import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { packSequence, sequenceAt } from "@saasaparilla/shared/protocol/notification.ts";
import { connectPostgres, type Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { connectRedis, keysLike, redisReady, type Redis } from "@saasaparilla/shared/redis/client.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { storeSettings } from "@saasaparilla/shared/settings.ts";
import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { StoredNotifications } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { Idempotency, type KeyEntry } from "#services/receiver/publish/idempotency.ts";
import type { Item } from "#services/receiver/publish/item.ts";
import { parse } from "#services/receiver/publish/parse.ts";
import { Repeats, type Reservation } from "#services/receiver/publish/idempotent-replay.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { client, item, newKey, publishRequests, replayed, verdicts } from "#tests/support/publish-requests.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { unnamed } from "#tests/support/unnamed.ts";

/** R51: 202 means accepted, and a repeat has the verdicts of the first request. */
let stack: Stack;
let receiver: Service;
let token: string;
let postgres: Postgres;
let redis: Redis;

beforeAll(async () => {
  // On a busy machine Redis may answer late, and the receiver would continue without it.
  stack = await startStack({ services: ["receiver"], env: { REPEAT_WAIT_MS: "2000" } });
  receiver = stack.services[0]!;
  token = await stack.token({ publisher: "shop" });
  const log = createLog("test", "warn");
  postgres = connectPostgres(stack.env.DATABASE_URL!, { service: "test", log, health: new Health([]) });
  redis = connectRedis(readSettings(storeSettings, stack.env), log, new Health([]));
  await redisReady(redis);
});

afterAll(async () => {
  redis.disconnect();
  await postgres.close();
  await stack.close();
});

const { publish, acceptedFor, dataFor } = publishRequests(() => ({ stack, receiver, token }));

const lines = (items: object[]): string => items.map((one) => JSON.stringify(one)).join("\n");

/** Entries of Idempotency-Keys, and of repeats under way. */
const entries = (kind: "key" | "retry"): Promise<string[]> => keysLike(redis, `${stack.namespace}:p:${kind}:*`);

/** How many of these ids have an entry. */
const known = (...ids: string[]): Promise<number> =>
  redis.exists(...ids.map((id) => new Keys(stack.namespace).publishedId("acme", id)));

/** Accepts nothing more for this client until `read`. */
async function fill(to: string): Promise<{ read(): Promise<void> }> {
  const fullInboxes = new FullInboxes(postgres, stack.namespace);
  const stored = new StoredNotifications(postgres, stack.namespace);
  const sequence = sequenceAt(packSequence(0, 0), 1);
  const key = `acme/${to}` as const;
  const before = await scrapeMetric(receiver, "clients_full");
  await stored.insert([{ client: key, sequence, appended: Date.now(), expires: undefined, body: Buffer.of(0) }]);
  await fullInboxes.mark(new Map([[key, 1]]));
  const count = (): Promise<number> => scrapeMetric(receiver, "clients_full");
  await expect.poll(count).toBe(before + 1);
  return {
    async read() {
      const marked = await count();
      await stored.deleteUpTo(new Map([[key, sequence]]));
      await fullInboxes.clearRead();
      await expect.poll(count).toBe(marked - 1);
    },
  };
}

describe("a request without accepted items leaves no entry", () => {
  test("R51: a used id refuses the repeat like the first request, and its key stays free", async () => {
    const [to, id] = [client(), randomUUID()];
    await publish(item(to, "first", { id }));
    const headers = newKey();
    const answers = [];
    for (let n = 0; n < 3; n += 1) answers.push(await publish([item(to, "second", { id })], { headers }));
    for (const { status, body } of answers) {
      expect([status, unnamed(body)]).toEqual([422, unnamed(answers[0]!.body)]);
      expect(body).toMatchObject({ type: "/problems/id-reused", errors: [{ pointer: "/0/id" }] });
    }
    expect(await publish(item(to, "third"), { headers })).toMatchObject({ status: 202 });
    expect(await dataFor(to)).toEqual(['"first"', '"third"']);
  });

  test("R51: a full client is refused with 429 until there is room, then the same request is accepted", async () => {
    const [to, id, headers] = [client(), randomUUID(), newKey()];
    const { read } = await fill(to);
    const body = [item(to, 1), item(to, 2, { id })];
    for (let n = 0; n < 2; n += 1)
      expect(await publish(body, { headers })).toMatchObject({ status: 429, body: { type: "/problems/client-full" } });
    await read();
    const accepted = await publish(body, { headers });
    expect([accepted.status, replayed(accepted), verdicts(accepted)]).toEqual([202, null, [expect.any(String), id]]);
    const again = await publish(body, { headers });
    expect([again.body, replayed(again)]).toEqual([accepted.body, "true"]);
    expect(await dataFor(to)).toEqual(["1", "2"]);
  });

  test("R51: a refused item leaves its id free", async () => {
    const [to, full] = [client(), client()];
    const { read } = await fill(full);
    const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()];
    const refused = [item("a b", 1, { id: a }), item(to, "x".repeat(65_536), { id: b }), item(full, 1, { id: c })];
    expect(verdicts(await publish([...refused, item(to, 0)]))).toEqual([
      "invalid-value",
      "too-large",
      "client-full",
      expect.any(String),
    ]);
    // The receiver frees ids after its answer. Redis does that before it answers a later question of the same receiver.
    await publish(item(to, 1, { id: randomUUID() }));
    expect(await known(a, b, c)).toBe(0);
    await read();
    const other = [a, b, c].map((id, n) => item(to, n + 2, { id }));
    expect(verdicts(await publish(other))).toEqual([a, b, c]);
    expect(await dataFor(to)).toEqual(["0", "1", "2", "3", "4"]);
  });
});

describe("a repeat of a partly accepted request has its verdicts", () => {
  test.for(["application/json", "application/x-ndjson"])(
    "R51: accepted, refused and full items of %s; open items are tried again under the same id",
    async (type) => {
      const [to, full, headers] = [client(), client(), newKey()];
      const [given, reused, repeated, open] = Array.from({ length: 4 }, () => randomUUID()) as [string, ...string[]];
      await publish([item(to, 10, { id: reused }), item(to, 11, { id: repeated })]);
      const { read } = await fill(full);
      const items = [
        item(to, 0),
        { to: { client: 3 }, data: 1, "a/b": 1 },
        item(full, 2),
        item(to, 3, { id: given }),
        item(to, 4, { id: reused }),
        item(to, "x".repeat(65_536)),
        item(to, 11, { id: repeated }),
        item(full, 7, { id: open }),
      ];
      const sent = type === "application/json" ? items : `\n${lines(items)}`;
      const first = await publish(sent, { headers, type });
      expect(first).toMatchObject({ status: 202, body: { accepted: 3, rejected: 5 } });
      const expected = ["client-full", given, "id-reused", "too-large", repeated];
      expect(verdicts(first).slice(1)).toEqual(["invalid-shape", ...expected, "client-full"]);
      const second = await publish(sent, { headers, type });
      expect([second.status, replayed(first), replayed(second)]).toEqual([202, null, "true"]);
      // Retry-After has jitter.
      const plain = ({ body }: typeof first): string => unnamed(body).replaceAll(/"retryAfter":\d+/g, "");
      expect(plain(second)).toBe(plain(first));
      expect(second.body.items[1].problem.errors).toHaveLength(2);
      expect(second.body.items[4].problem.errors).toMatchObject([{ pointer: "/4/id" }]);
      if (type !== "application/json") expect(second.body.items[5].problem.errors[0].line).toBe(7);
      expect(await dataFor(to, full)).toEqual(["0", "10", "11", "3"]);

      await read();
      const third = await publish(sent, { headers, type });
      expect([third.status, replayed(third)]).toEqual([202, null]);
      expect(third.body).toMatchObject({ accepted: 5, rejected: 3 });
      const opened = (await acceptedFor(full)).map(({ id }) => id);
      expect(verdicts(third)).toEqual(verdicts(first).map((one, n) => ({ 2: opened[0], 7: open })[n] ?? one));
      const fourth = await publish(sent, { headers, type });
      expect([fourth.body, replayed(fourth)]).toEqual([third.body, "true"]);
      expect(await dataFor(to, full)).toEqual(["0", "10", "11", "2", "3", "7"]);
      expect(await entries("retry")).toEqual([]);
    },
  );

  test("R51: a repeat with a mixed result remembers accepted items, and the rest stay open", async () => {
    const [to, one, two, headers] = [client(), client(), client(), newKey()];
    const rooms = [await fill(one), await fill(two)];
    const body = [item(to, 0), item(one, 1), item(two, 2)];
    const first = await publish(body, { headers });
    expect(verdicts(first)).toEqual([expect.any(String), "client-full", "client-full"]);
    await rooms[0]!.read();
    const second = await publish(body, { headers });
    expect(verdicts(second)).toEqual([verdicts(first)[0], expect.any(String), "client-full"]);
    expect(replayed(second)).toBeNull();
    await rooms[1]!.read();
    const third = await publish(body, { headers });
    expect(verdicts(third)).toEqual([...verdicts(second).slice(0, 2), expect.any(String)]);
    expect((await publish(body, { headers })).body).toEqual(third.body);
    expect(await dataFor(to, one, two)).toHaveLength(3);
  });

  test("R51: one of twenty concurrent repeats tries the open items; the others get its id or 409 for them", async () => {
    const [to, full, headers] = [client(), client(), newKey()];
    const { read } = await fill(full);
    const body = [item(to, 1), item(full, 2)];
    const first = verdicts(await publish(body, { headers }));
    await read();
    const answers = await Promise.all(Array.from({ length: 20 }, () => publish(body, { headers })));
    const { id } = (await acceptedFor(full))[0]!;
    for (const answer of answers) {
      expect(answer.status).toBe(202);
      expect([
        [first[0], id],
        [first[0], "in-progress"],
      ]).toContainEqual(verdicts(answer));
    }
    expect(verdicts(await publish(body, { headers }))).toEqual([first[0], id]);
    expect(await dataFor(to, full)).toEqual(["1", "2"]);
  });

  test("R51: a repeat with an old entry does not retry items that another repeat accepted", async () => {
    const options = { REPEAT_WAIT_MS: 2_000, IDEMPOTENCY_SECONDS: 60 };
    const guarded = (): never => {
      throw new Error("Redis was too slow to be asked.");
    };
    const parts = [redis, new Keys(stack.namespace), { unguarded: guarded }, options] as const;
    const body = Buffer.from(JSON.stringify([item("a"), item("b")]));
    const parsed = () => parse("application/json", body, { MAX_DATA_BYTES: 1_000, MAX_BATCH_ITEMS: 10 });
    const idempotency = new Idempotency(...parts);
    const repeats = new Repeats(idempotency);
    const key = idempotency.ofKey(randomUUID(), "application/json", body);
    const outcomes = (items: Item[]) => items.map(({ outcome }) => outcome);
    const ends = async (items: Item[], reservation: Reservation, told: Item["outcome"][]): Promise<void> => {
      items.forEach((one, index) => (one.outcome = told[index]!));
      repeats.conclude(items, reservation);
      await idempotency.settled();
    };
    const first = parsed();
    await ends(first, await repeats.reserve(first, "acme", key), ["accepted", problemOf("client-full")]);
    const second = parsed();
    for (const one of second) one.id = randomUUID();
    const reservation = await repeats.reserve(second, "acme", key);
    expect(outcomes(second)).toEqual(["repeated", "open"]);
    const late = new (class extends Idempotency {
      override async retry(entry: KeyEntry) {
        await ends(second, reservation, ["repeated", "accepted"]);
        return super.retry(entry);
      }
    })(...parts);
    const third = parsed();
    for (const one of third) one.id = randomUUID();
    const thirds = await new Repeats(late).reserve(third, "acme", key);
    expect(outcomes(third)).toEqual(["repeated", "repeated"]);
    await ends(third, thirds, outcomes(third));
    expect(await entries("retry")).toEqual([]);
  });

  test("R51: all but one of 1,000 refused, the maximum: the repeat has each error, and the entry a bounded size", async () => {
    const [to, headers] = [client(), newKey()];
    const before = new Set(await entries("key"));
    const wrong = (n: number): object => (n % 2 ? item("a b", n) : { to: { client: "a" }, n });
    const body = Array.from({ length: 1_000 }, (_, n) => (n === 999 ? item(to, "good") : wrong(n)));
    const first = await publish(body, { headers });
    expect(first).toMatchObject({ status: 202, body: { accepted: 1, rejected: 999 } });
    const again = await publish(body, { headers });
    expect([again.body, replayed(again)]).toEqual([first.body, "true"]);
    const [name] = (await entries("key")).filter((one) => !before.has(one));
    const value = (await redis.get(name!))!;
    expect(value).toMatch(/^done [\w-]{43} (sv){499}sa$/);
    expect(Buffer.byteLength(value)).toBe(1_049);
    expect(await dataFor(to)).toEqual(['"good"']);
  });

  test("R51: after Redis evicts an entry the items are sent again under the same ids; publishers' ids are not", async () => {
    const [to, id, headers] = [client(), randomUUID(), newKey()];
    const before = new Set(await entries("key"));
    const body = [item(to, 1), item(to, 2, { id })];
    const first = await publish(body, { headers });
    for (const name of await entries("key")) if (!before.has(name)) await redis.unlink(name);
    const again = await publish(body, { headers });
    expect([again.status, again.body, replayed(again)]).toEqual([202, first.body, null]);
    const found = await acceptedFor(to);
    expect(found.map((one) => one.payload)).toEqual(["1", "2", "1"]);
    expect(new Set(found.map((one) => one.id)).size).toBe(2);
  });
});

describe("the form of a request", () => {
  test("R51: charset, whitespace and case of the content type do not change a request", async () => {
    const [to, headers] = [client(), newKey()];
    const first = await publish(item(to), { headers });
    for (const type of [
      "application/json; charset=utf-8",
      "application/json;charset=UTF-8",
      "Application/JSON ; charset=utf-8; x=y",
    ]) {
      const again = await publish(item(to), { headers, type });
      expect([again.status, again.body, replayed(again)]).toEqual([202, first.body, "true"]);
    }
    expect(await publish(item(to), { headers, type: "application/x-ndjson" })).toMatchObject({
      status: 422,
      body: { type: "/problems/key-reused" },
    });
    expect(await acceptedFor(to)).toHaveLength(1);
  });
});
