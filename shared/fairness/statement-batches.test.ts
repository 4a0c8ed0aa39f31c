import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { messageOf } from "#runtime/errors.ts";
import { StatementBatches } from "./statement-batches.ts";

interface Asked {
  tenant: string;
  number: number;
  cost?: number;
}

/** The statements so far, which wait for their answers. */
let statements: { asked: number[]; answer: () => void; fail: (error: Error) => void }[];
let batches: StatementBatches<Asked, number>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  statements = [];
  batches = new StatementBatches({
    statements: 1,
    requests: 3,
    cost: 1_000,
    costOf: ({ cost = 1 }) => cost,
    tenantOf: ({ tenant }) => tenant,
    weightOf: () => 1,
    run(asked) {
      const { promise, resolve, reject } = Promise.withResolvers<number[]>();
      const numbers = asked.map(({ number }) => number);
      statements.push({ asked: numbers, answer: () => resolve(numbers.map((number) => number * 10)), fail: reject });
      return promise;
    },
  });
});

afterEach(() => vi.useRealTimers());

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const ask = (number: number, more: Partial<Asked> = {}): Promise<number> =>
  batches.ask({ tenant: "a", number, ...more });

test("requests that arrive while a statement runs share the next one, up to its limits", async () => {
  const answers = [ask(1)];
  await turn();
  answers.push(ask(2), ask(3), ask(4), ask(5));
  await turn();
  expect([statements.map(({ asked }) => asked), batches.waiting]).toEqual([[[1]], 4]);
  for (const expected of [[1], [2, 3, 4], [5]]) {
    expect(statements.at(-1)!.asked).toEqual(expected);
    statements.at(-1)!.answer();
    await turn();
  }
  expect(await Promise.all(answers)).toEqual([10, 20, 30, 40, 50]);
  void ask(6, { cost: 1_000 });
  void ask(7);
  await turn();
  expect(statements.at(-1)!.asked).toEqual([6]);
});

test("a failed statement fails its own requests only", async () => {
  const first = ask(1).catch(String);
  await turn();
  const second = ask(2);
  statements[0]!.fail(new Error("away"));
  await turn();
  expect(await first).toBe("Error: away");
  statements[1]!.answer();
  expect(await second).toBe(20);
});

test("tenants take turns", async () => {
  void ask(1);
  await turn();
  for (let number = 10; number < 14; number += 1) void ask(number, { cost: 100 });
  void ask(20, { tenant: "b" });
  statements[0]!.answer();
  await turn();
  expect(statements[1]!.asked).toContain(20);
});

test("a request that waits for too long fails, and so does one above the limit", async () => {
  void ask(0);
  await turn();
  const late = Array.from({ length: 2_000 }, (_, number) => ask(number).catch(messageOf));
  await expect(ask(1)).rejects.toThrow("Too many requests");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(new Set(await Promise.all(late))).toEqual(
    new Set(["Postgres did not answer the requests before it in time."]),
  );
  expect(batches.waiting).toBe(0);
});
