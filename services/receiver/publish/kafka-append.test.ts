import type { Outgoing } from "@saasaparilla/shared/kafka/client.ts";
import { Kind, notificationBody, readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { publicationKey, readPublication } from "@saasaparilla/shared/protocol/publication.ts";
import { nameOf, type Problem } from "@saasaparilla/shared/http/problem.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Appender } from "./kafka-append.ts";
import type { Item } from "./item.ts";

const ANSWER_MS = 60_000;
/** Pending sends to Kafka: the keys and data of each. */
let sends: { items: string[]; answer: () => void }[];
let appender: Appender;
/** Partitions of dispatch, as Kafka has them. */
const present = new Map([["dispatch", 4]]);

beforeEach(() => start(0));

async function start(PACE_MS: number): Promise<void> {
  sends = [];
  const sender = {
    send: (records: Outgoing[]) =>
      new Promise<number[]>((resolve) => {
        const items: string[] = [];
        for (const { value } of records)
          readPack(value, (kind, body) => {
            if (kind === Kind.PUBLICATION) {
              const { head, payload } = readPublication(body);
              items.push(`${publicationKey(head.tenant, head.to)}${payload.toString("latin1", 0, 4)}`);
              return;
            }
            expect(kind).toBe(Kind.NOTIFICATION);
            items.push(notificationBody.key(body) + notificationBody.payload(body).toString("latin1", 0, 4));
          });
        sends.push({ items, answer: () => resolve(records.map(() => 0)) });
      }),
    close: () => Promise.resolve(),
  };
  const link = {
    sender: () => Promise.resolve(sender),
    partitions: () => Promise.resolve(4),
    present: () => Promise.resolve(present),
  };
  const silent = { watch() {}, late() {}, packed() {}, up() {}, down() {}, info() {}, warn() {} };
  const parts = { metrics: silent, health: silent, log: silent, weightOf: () => 1 };
  const topics = { accepted: "accepted", dispatch: "dispatch" };
  appender = new Appender(link, topics, { PACE_MS, ANSWER_MS, STALL_MS: 60_000 }, parts);
  await appender.start();
}

afterEach(end);

async function end(): Promise<void> {
  const closed = appender.close();
  const answering = setInterval(() => sends.splice(0).forEach(({ answer }) => answer()), 1);
  await closed;
  clearInterval(answering);
}

const outcomesOf = (items: Item[]): string[] =>
  items.map(({ outcome }) => (typeof outcome === "object" ? nameOf(outcome) : outcome));

/** Items of one client of a tenant, each with its number first. */
function itemsOf(client: string, count: number, bytes: number, first = 0): Item[] {
  return Array.from({ length: count }, (_, index) => ({
    index,
    pointer: `/${index}`,
    line: undefined,
    published: { to: { client }, data: 1 } as Item["published"],
    payload: Buffer.from(
      String(first + index)
        .padStart(4, "0")
        .padEnd(bytes, "0"),
    ),
    options: undefined,
    id: "00000000-0000-4000-8000-000000000000",
    outcome: "open" as const,
    cost: 1,
  }));
}

/** `ago`: ms since its arrival. */
const append = (tenant: string, items: Item[], ago = 0): Promise<void> =>
  appender.append(items, { tenant, publisher: "p", traceparent: "", arrived: performance.now() - ago });

/** The next send, once it has begun. */
async function sent(): Promise<string[]> {
  await expect.poll(() => sends.length, { interval: 1 }).toBe(1);
  const [{ items, answer }] = sends.splice(0) as [(typeof sends)[number]];
  answer();
  await new Promise((resolve) => setImmediate(resolve));
  return items;
}

test("a tenant's request waits for its turn, and not for another tenant's whole queue", async () => {
  const large = Array.from({ length: 10 }, (_, request) => itemsOf("a", 10, 60_000, request * 10));
  const done = Promise.all(large.map((items) => append("loud", items)));
  expect(appender.queuedBytes).toBeGreaterThan(6_000_000);
  const quiet = itemsOf("b", 2, 100);
  const answered = append("quiet", quiet);
  const inOrder: string[] = [];
  for (let send = 0; send < 2; send += 1) inOrder.push(...(await sent()));
  await answered;
  expect(quiet.map(({ outcome }) => outcome)).toEqual(["accepted", "accepted"]);
  expect(inOrder.length).toBeLessThan(40);
  while (inOrder.length < 102) inOrder.push(...(await sent()));
  await done;
  expect(inOrder.filter((name) => name.startsWith("loud"))).toEqual(
    Array.from({ length: 100 }, (_, index) => `loud/a${String(index).padStart(4, "0")}`),
  );
  expect(appender.queuedBytes).toBe(0);
});

test("a request that waits too long for its own tenant is refused alone, and never sent", async () => {
  const before = [itemsOf("a", 9, 60_000), itemsOf("a", 9, 60_000, 9)];
  const accepted = [append("loud", before[0]!)];
  // Kafka does not answer the first send, the next one is full, and the last request waits for its turn.
  await expect.poll(() => sends.length, { interval: 1 }).toBe(1);
  accepted.push(append("loud", before[1]!));
  const late = itemsOf("a", 9, 60_000, 18);
  await append("loud", late, ANSWER_MS - 1);
  expect(late.map(({ outcome }) => (outcome as Problem).status)).toEqual(late.map(() => 503));
  const names = [...(await sent()), ...(await sent())];
  await Promise.all(accepted);
  expect(before.flat().map(({ outcome }) => outcome)).toEqual(names.map(() => "accepted"));
  expect([names.length, sends.length, appender.queuedBytes]).toEqual([18, 0, 0]);
});

test("a send that takes too long refuses the next packs and the rest of their requests; other queues stay", async () => {
  const [sending, packed, quiet] = [itemsOf("a", 9, 60_000), itemsOf("b", 10, 60_000), itemsOf("c", 1, 100)];
  const late = append("loud", sending, ANSWER_MS - 500);
  await expect.poll(() => sends.length, { interval: 1 }).toBe(1);
  // The packer has nine of these, and the tenth waits for its turn.
  const refused = append("other", packed);
  const accepted = append("quiet", quiet);
  await Promise.all([late, refused]);
  expect(outcomesOf(sending)).toEqual(sending.map(() => "outcome-unknown"));
  expect(outcomesOf(packed)).toEqual(packed.map(() => "unavailable"));
  expect(outcomesOf(quiet)).toEqual(["open"]);
  expect((await sent()).length).toBe(9);
  expect(await sent()).toEqual(["quiet/c0000"]);
  await accepted;
  expect(outcomesOf(quiet)).toEqual(["accepted"]);
  expect([sends.length, appender.queuedBytes]).toEqual([0, 0]);
});

test("a request whose first items are being sent gets an unknown outcome for these only", async () => {
  const items = itemsOf("a", 12, 60_000);
  await append("loud", items, ANSWER_MS - 500);
  expect(outcomesOf(items)).toEqual(items.map((_, index) => (index < 9 ? "outcome-unknown" : "unavailable")));
  expect((await sent()).length).toBe(9);
  const next = itemsOf("a", 1, 100, 12);
  const accepted = append("loud", next);
  expect(await sent()).toEqual(["loud/a0012"]);
  await accepted;
});

test("a queue goes on if the packs before it are withdrawn between two sends", async () => {
  await end();
  await start(500);
  const first = append("loud", itemsOf("a", 1, 100));
  await sent();
  await first;
  const [packed, quiet] = [itemsOf("b", 10, 60_000), itemsOf("c", 1, 100)];
  const refused = append("other", packed, ANSWER_MS);
  const accepted = append("quiet", quiet);
  await refused;
  expect(outcomesOf(packed)).toEqual(packed.map(() => "unavailable"));
  expect(await sent()).toEqual(["quiet/c0000"]);
  await accepted;
});

test("refused items that still wait take no room from those behind them", async () => {
  const before = [append("loud", itemsOf("a", 9, 60_000))];
  await expect.poll(() => sends.length, { interval: 1 }).toBe(1);
  before.push(append("loud", itemsOf("a", 9, 60_000, 9)));
  await append("loud", itemsOf("a", 40, 60_000, 18), ANSWER_MS);
  const behind = append("loud", itemsOf("a", 1, 100, 58));
  expect((await sent()).length + (await sent()).length).toBe(18);
  expect(await sent()).toEqual(["loud/a0058"]);
  await Promise.all([...before, behind]);
});

const forGroup = (items: Item[]): Item[] =>
  items.map((item) => ({ ...item, published: { to: { group: "g" }, data: 1 } as Item["published"] }));

test("publications and notifications share one queue, in turns by tenant", async () => {
  const large = forGroup(itemsOf("a", 30, 60_000));
  const done = append("loud", large);
  const quiet = [...itemsOf("b", 1, 100), ...forGroup(itemsOf("b", 1, 100, 1))];
  const answered = append("quiet", quiet);
  const inOrder: string[] = [];
  for (let send = 0; send < 2; send += 1) inOrder.push(...(await sent()));
  await answered;
  expect(outcomesOf(quiet)).toEqual(["accepted", "accepted"]);
  expect(inOrder.length).toBeLessThan(30);
  while (inOrder.length < 32) inOrder.push(...(await sent()));
  await done;
  expect(inOrder.filter((name) => name.startsWith("quiet"))).toEqual(["quiet/b0000", "quiet/group:g0001"]);
  expect(inOrder.filter((name) => name.startsWith("loud"))).toEqual(
    large.map((_, index) => `loud/group:g${String(index).padStart(4, "0")}`),
  );
});

test("without the topic of publications only they are refused, and it is looked for again", async () => {
  await end();
  present.clear();
  await start(0);
  const mixed = [...itemsOf("a", 1, 10), ...forGroup(itemsOf("a", 1, 10, 1))];
  const first = append("t", mixed);
  expect(await sent()).toEqual(["t/a0000"]);
  await first;
  expect(outcomesOf(mixed)).toEqual(["accepted", "unavailable"]);
  present.set("dispatch", 4);
  // It is looked for when a publication comes, and the next one finds it.
  await append("t", forGroup(itemsOf("a", 1, 10, 2)));
  await new Promise((resolve) => setImmediate(resolve));
  const later = append("t", forGroup(itemsOf("a", 1, 10, 3)));
  expect(await sent()).toEqual(["t/group:g0003"]);
  await later;
});
