import { afterAll, beforeAll, expect, test } from "vitest";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { packSequence, sequenceAt, START } from "@saasaparilla/shared/protocol/notification.ts";
import { connectPostgres, type Postgres } from "@saasaparilla/shared/postgres/client.ts";
import {
  StoredNotifications,
  type StoredNotification,
  type StoredPage,
} from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { startStack, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let postgres: Postgres;
let stored: StoredNotifications;

beforeAll(async () => {
  stack = await startStack();
  postgres = connectPostgres(stack.env.DATABASE_URL!, {
    service: "test",
    log: createLog("test", "warn"),
    health: new Health([]),
  });
  stored = new StoredNotifications(postgres, stack.namespace);
});

afterAll(async () => {
  await postgres.close();
  await stack.close();
});

function at(n: number): string {
  return sequenceAt(packSequence(1, n), 0);
}

function row(client: string, n: number, more: Partial<StoredNotification> = {}): StoredNotification {
  return { client, sequence: at(n), appended: 1.8e12 + n, expires: undefined, body: Buffer.from(`${n}`), ...more };
}

const PAGE_BYTES = 128 * 1024;

async function pageOf(client: string, after: string): Promise<StoredPage> {
  return (await stored.pages([{ client, after }], PAGE_BYTES))[0]!;
}

test("a row is inserted once, and rows are read by sequence", async () => {
  await stored.insert([row("t/order", 3), row("t/order", 1), row("t/other", 2)]);
  await stored.insert([row("t/order", 2), row("t/order", 1, { body: Buffer.from("again") })]);
  const { rows } = await pageOf("t/order", START);
  expect(rows.map(({ sequence, body }) => [sequence, body.toString()])).toEqual([
    [at(1), "1"],
    [at(2), "2"],
    [at(3), "3"],
  ]);
  expect(rows[0]!.appended).toBe(1.8e12 + 1);
  expect((await pageOf("t/order", at(2))).rows.map(({ sequence }) => sequence)).toEqual([at(3)]);
});

test("a page is bounded in rows and bytes, and the next continues it", async () => {
  await stored.insert(Array.from({ length: 450 }, (_, n) => row("t/rows", n)));
  await stored.insert(Array.from({ length: 10 }, (_, n) => row("t/bytes", n, { body: Buffer.alloc(60_000, n) })));
  for (const [client, count, most] of [
    ["t/rows", 450, 200],
    ["t/bytes", 10, 3],
  ] as const) {
    const seen: string[] = [];
    for (let more = true; more;) {
      const page = await pageOf(client, seen.at(-1) ?? START);
      expect(page.rows.length).toBeGreaterThan(0);
      expect(page.rows.length).toBeLessThanOrEqual(most);
      seen.push(...page.rows.map(({ sequence }) => sequence));
      more = page.more;
    }
    expect(seen).toEqual(Array.from({ length: count }, (_, n) => at(n)));
  }
});

test("one read serves many clients, each from its own cursor and with its own bound", async () => {
  await stored.insert(Array.from({ length: 250 }, (_, n) => row("t/many", n)));
  await stored.insert([row("t/few", 1), row("t/few", 2)]);
  const asked = [
    { client: "t/nothing", after: START },
    { client: "t/few", after: START },
    { client: "t/many", after: START },
    { client: "t/few", after: at(1) },
    { client: "t/many", after: at(239) },
  ];
  const pages = await stored.pages(asked, PAGE_BYTES);
  expect(pages.map(({ rows, more }) => [rows.length, rows[0]?.sequence, more])).toEqual([
    [0, undefined, false],
    [2, at(1), false],
    [200, at(0), true],
    [1, at(2), false],
    [10, at(240), false],
  ]);
});

test("expired rows are neither read nor awaited, and are swept once", async () => {
  const past = { expires: Date.now() - 1_000 };
  await stored.insert([
    row("t/expired", 1, past),
    row("t/expired", 2, { expires: Date.now() + 60_000 }),
    row("t/gone", 1, past),
  ]);
  expect((await pageOf("t/expired", START)).rows.map(({ sequence }) => sequence)).toEqual([at(2)]);
  const asked = new Map([
    ["t/expired", START],
    ["t/gone", START],
  ]);
  expect(await stored.waiting(asked)).toEqual(["t/expired"]);
  expect((await stored.sweep(10)).map(({ client }) => client).toSorted()).toEqual(["t/expired", "t/gone"]);
  expect(await stored.sweep(10)).toEqual([]);
});

test("an acknowledgement deletes its client's rows up to its cursor", async () => {
  await stored.insert([row("t/acked", 1), row("t/acked", 2), row("t/kept", 1)]);
  expect(await stored.deleteUpTo(new Map([["t/acked", at(1)]]))).toBe(1);
  expect((await pageOf("t/acked", START)).rows.map(({ sequence }) => sequence)).toEqual([at(2)]);
  expect((await pageOf("t/kept", START)).rows).toHaveLength(1);
});
