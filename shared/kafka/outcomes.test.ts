import type { Sent } from "./batching-producer.ts";
import { Kind, notificationBody, readPack } from "#protocol/pack.ts";
import { PackWriter } from "#protocol/pack-writer.ts";
import { expect, test } from "vitest";
import { Outcomes } from "./outcomes.ts";

test("an outcome is a message of its queue, appended once while it is under way, and again later under the same id", async () => {
  const bodies: Buffer[] = [];
  const answers: Sent[] = [];
  const counted: string[] = [];
  let waiting = (): number => 0;
  const outcomes = new Outcomes({
    producer: {
      add(topic, _, write, sent) {
        const writer = new PackWriter();
        write(writer);
        readPack(writer.take(), (kind, body) => {
          expect([topic, kind]).toEqual(["accepted", Kind.NOTIFICATION]);
          bodies.push(Buffer.from(body));
        });
        answers.push(sent!);
      },
    },
    topic: "accepted",
    partitions: () => 4,
    wall: () => 0,
    metrics: {
      outcome: (outcome) => void counted.push(outcome),
      watch: (readers) => void (waiting = readers.outcomesUnderWay),
    },
  });
  const ended = {
    key: "t/a",
    id: "0f8fad5b-d9cb-469f-a165-70867728950e",
    outcomes: "log",
    outcome: "expired",
  } as const;
  const both = Promise.all([outcomes.append(ended), outcomes.append(ended)]);
  void outcomes.append({ ...ended, key: "t/b" });
  expect([bodies.length, waiting()]).toEqual([2, 2]);
  for (const answer of answers) answer(undefined, 0);
  await both;
  expect([waiting(), counted]).toEqual([0, ["expired", "expired"]]);
  void outcomes.append(ended);
  expect(bodies.map(notificationBody.key)).toEqual(["t/{log}", "t/{log}", "t/{log}"]);
  const [first, other, again] = bodies.map(notificationBody.id);
  expect([again === first, other === first]).toEqual([true, false]);
  expect(notificationBody.options(bodies[0]!)).toBeUndefined();
  expect(JSON.parse(notificationBody.payload(bodies[0]!).toString())).toEqual({
    id: ended.id,
    client: "a",
    outcome: "expired",
    at: "1970-01-01T00:00:00.000Z",
  });
});
