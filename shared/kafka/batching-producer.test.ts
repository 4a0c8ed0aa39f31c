import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Outgoing } from "./client.ts";
import { Kind, readAck, readPack } from "#protocol/pack.ts";
import { BatchingProducer, type BatchingProducerOptions } from "./batching-producer.ts";
import { sequenceAt, packSequence } from "#protocol/notification.ts";

const SEQUENCE = sequenceAt(packSequence(0, 1), 1);
const PACE_MS = 6;
const PATIENCE_MS = 20;

/** The start time of each send, and the sessions in each of its packs. */
let sends: { at: number; packs: number[][] }[];

beforeEach(() => {
  sends = [];
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => vi.useRealTimers());

/** Kafka answers each send after `ms`. */
function producerOf(ms: number, more: Partial<BatchingProducerOptions> = {}): BatchingProducer {
  return new BatchingProducer({
    async send(records) {
      sends.push({ at: performance.now(), packs: records.map(sessionsIn) });
      await new Promise((resolve) => setTimeout(resolve, ms));
      return records.map(() => 0);
    },
    paceMs: PACE_MS,
    patienceMs: PATIENCE_MS,
    maxPackBytes: 1_000,
    maxSendBytes: 10_000,
    onFailure: "retry",
    failed: () => {},
    ...more,
  });
}

function sessionsIn({ value }: Outgoing): number[] {
  const sessions: number[] = [];
  readPack(value, (kind, body) => {
    expect(kind).toBe(Kind.ACK);
    sessions.push(readAck(body).session);
  });
  return sessions;
}

function add(producer: BatchingProducer, session: number, how: "add" | "addPatiently" = "add", partition = 0): void {
  producer[how]("control", partition, (writer) => writer.ack(session, SEQUENCE, "acme/ann"));
}

const begun = (): number[] => sends.map(({ at }) => Math.round(at));

test("an idle producer sends at once; later entries share the next send, with one pack for each partition", async () => {
  const producer = producerOf(10);
  add(producer, 1);
  await vi.advanceTimersByTimeAsync(5);
  for (const session of [2, 3]) add(producer, session);
  add(producer, 4, "add", 1);
  await vi.advanceTimersByTimeAsync(100);
  expect(sends.map(({ packs }) => packs)).toEqual([[[1]], [[2, 3], [4]]]);
  expect(begun()[0]).toBe(0);
  expect(begun()[1]).toBeGreaterThanOrEqual(10);
});

test("two sends begin a pace apart, however fast Kafka answers", async () => {
  const producer = producerOf(1);
  for (let session = 1; session <= 12; session += 1) {
    add(producer, session);
    await vi.advanceTimersByTimeAsync(1);
  }
  await vi.advanceTimersByTimeAsync(100);
  expect(begun()).toEqual([0, PACE_MS, 2 * PACE_MS]);
  expect(sends.flatMap(({ packs }) => packs.flat())).toEqual(Array.from({ length: 12 }, (_, n) => n + 1));
});

test("patient entries wait for urgent ones, up to their patience", async () => {
  const producer = producerOf(1);
  add(producer, 1, "addPatiently");
  await vi.advanceTimersByTimeAsync(PATIENCE_MS - 1);
  expect(sends).toEqual([]);
  await vi.advanceTimersByTimeAsync(2);
  expect(begun()).toEqual([PATIENCE_MS]);
  add(producer, 2, "addPatiently");
  await vi.advanceTimersByTimeAsync(10);
  add(producer, 3);
  await vi.advanceTimersByTimeAsync(100);
  expect(sends.map(({ packs }) => packs)).toEqual([[[1]], [[2, 3]]]);
  expect(begun()[1]).toBeLessThan(2 * PATIENCE_MS);
});

test("a patient entry during a send begins its wait after it", async () => {
  const producer = producerOf(10);
  add(producer, 1);
  await vi.advanceTimersByTimeAsync(5);
  add(producer, 2, "addPatiently");
  await vi.advanceTimersByTimeAsync(100);
  expect(begun()).toHaveLength(2);
  expect(begun()[1]).toBeGreaterThanOrEqual(10 + PATIENCE_MS);
});

test("a full pack is sent, patient or not", async () => {
  const producer = producerOf(1, { maxPackBytes: 100 });
  for (let session = 1; session <= 5; session += 1) add(producer, session, "addPatiently");
  await vi.advanceTimersByTimeAsync(1);
  expect(begun()).toEqual([0]);
});

test("packs that fill one after the other delay no other pack", async () => {
  const producer = producerOf(10, { maxPackBytes: 100, maxSendBytes: 1 });
  const fill = (): void => [1, 2, 3, 4, 5].forEach((session) => add(producer, session));
  fill();
  await vi.advanceTimersByTimeAsync(1);
  add(producer, 99, "add", 1);
  for (let times = 0; times < 5; times += 1) {
    fill();
    await vi.advanceTimersByTimeAsync(10);
  }
  const packs = sends.flatMap(({ packs: sent }) => sent);
  expect(sends.every(({ packs: sent }) => sent.length === 1)).toBe(true);
  // After the packs that were full before it, and before those that filled later.
  expect(packs.slice(0, 6).flat()).toContain(99);
});

test("a wait for an empty producer sends patient entries at once", async () => {
  const producer = producerOf(1);
  add(producer, 1, "addPatiently");
  const drained = producer.drained();
  await vi.advanceTimersByTimeAsync(2);
  await drained;
  expect(begun()).toEqual([0]);
});

test("a failed send is repeated first, or its owners hear of it", async () => {
  const failures = [new Error("away"), undefined, new Error("away")];
  const sent: number[][] = [];
  const producer = (onFailure: "retry" | "fail"): BatchingProducer =>
    producerOf(0, {
      onFailure,
      paceMs: 0,
      send(records) {
        const failure = failures.shift();
        if (failure) return Promise.reject(failure);
        sent.push(records.flatMap(sessionsIn));
        return Promise.resolve(records.map(() => 0));
      },
    });
  const retrying = producer("retry");
  add(retrying, 1);
  await vi.advanceTimersByTimeAsync(1);
  add(retrying, 2);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(sent).toEqual([[1], [2]]);
  const failing = producer("fail");
  // The list of answers is over: this send fails with its last answer.
  failures.unshift(new Error("away"));
  const told = new Promise((resolve) => {
    failing.add("control", 0, (writer) => writer.ack(3, SEQUENCE, "acme/ann"), resolve);
  });
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await told).toEqual(new Error("away"));
  expect(sent).toHaveLength(2);
});
