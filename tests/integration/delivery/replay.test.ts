import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SeededRandom } from "#tests/support/seeded-random.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";

let stack: Stack;
let distributor: Service;
let publisher: Publisher;

beforeAll(async () => {
  stack = await startStack({ services: ["receiver", "director", "distributor"], env: { DRAIN_MS: "0" } });
  distributor = stack.services[2]!;
  publisher = await Publisher.of(stack);
});

afterAll(() => stack.close());

const STORED_EACH = 1_000;
/** Clients that race at a time, and rounds: 102 connects in all, each during publishing for that client. */
const AT_ONCE = 17;
const ROUNDS = 2;

describe.for(TRANSPORTS)("%s", (transport) => {
  test(`R33: ${STORED_EACH} stored come first, then those published during the connect, in order, each once`, async () => {
    const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
    console.log(`${transport}: SEED=${seed}`);
    // The seed repeats the timing, as far as timing can repeat.
    const chance = new SeededRandom(seed);
    const random = () => chance.next();
    for (let round = 0; round < ROUNDS; round += 1) {
      const clients = Array.from({ length: AT_ONCE }, (_, index) => `race-${transport}-${round}-${index}`);
      for (let sent = 0; sent < STORED_EACH; sent += 250) await publisher.number(clients, 250);
      await storedFor(stack, clients, AT_ONCE * STORED_EACH);
      await Promise.all(clients.map((client) => checkRace(client, random)));
    }
  });

  async function checkRace(client: string, random: () => number): Promise<void> {
    const subscriber = await Subscriber.of(stack, { client, transport });
    const publishing = (async () => {
      for (let left = 20 + Math.floor(random() * 60); left > 0; left -= 1) {
        await publisher.number(client, 1 + Math.floor(random() * 3));
        await sleep(random() * 30);
      }
    })();
    await sleep(random() * 400);
    await subscriber.connect(distributor);
    await publishing;
    await subscriber.all(publisher);
    expect(subscriber.duplicates).toBe(0);
    await subscriber.close();
  }
});
