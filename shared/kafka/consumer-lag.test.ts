import { expect, test } from "vitest";
import { ConsumerLag } from "./consumer-lag.ts";

test("the lag covers the owned partitions, and keeps its value while Kafka is away", async () => {
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
  const consumerLag = new ConsumerLag(() => answers.shift()!);
  const owns = (partition: number): boolean => partition < 2;
  expect(consumerLag.of(owns)).toBe(0);
  await consumerLag.look();
  expect(consumerLag.of(owns)).toBe(7);
  await consumerLag.look();
  expect(consumerLag.of(owns)).toBe(7);
  await consumerLag.look();
  expect(consumerLag.of(owns)).toBe(0);
});

test("the lag asks Kafka one question at a time", async () => {
  let asked = 0;
  const slow = Promise.withResolvers<Map<number, { committed: number; end: number }>>();
  const consumerLag = new ConsumerLag(() => {
    asked += 1;
    return slow.promise;
  });
  const first = consumerLag.look();
  await consumerLag.look();
  expect(asked).toBe(1);
  slow.resolve(new Map());
  await first;
});
