import { expect, test } from "vitest";
import { Lag } from "./consumer-lag.ts";

test("it is that of the partitions that are owned, and stays what it was while Kafka is away", async () => {
  const answers = [
    Promise.resolve(
      new Map([
        [0, { committed: 3, end: 10 }],
        [1, { committed: 5, end: 5 }],
        [2, { committed: 0, end: 100 }],
      ]),
    ),
    Promise.reject(new Error("away")),
    Promise.resolve(new Map([[0, { committed: 10, end: 10 }]])),
  ];
  const lag = new Lag(() => answers.shift()!);
  const owns = (partition: number): boolean => partition < 2;
  expect(lag.of(owns)).toBe(0);
  await lag.look();
  expect(lag.of(owns)).toBe(7);
  await lag.look();
  expect(lag.of(owns)).toBe(7);
  await lag.look();
  expect(lag.of(owns)).toBe(0);
});

test("one question at a time", async () => {
  let asked = 0;
  const slow = Promise.withResolvers<Map<number, { committed: number; end: number }>>();
  const lag = new Lag(() => {
    asked += 1;
    return slow.promise;
  });
  const first = lag.look();
  await lag.look();
  expect(asked).toBe(1);
  slow.resolve(new Map());
  await first;
});
