import fc from "fast-check";
import { expect, test } from "vitest";
import { readInput } from "./input.ts";
import { GIB, MIB } from "./line.ts";
import { plan } from "./plan.ts";
import { LARGE, planned, values } from "./round-values.ts";

test("the input is 10 million connections, a tenth delivered live, 2,778 connects a second", () => {
  expect(planned(LARGE)).toMatchObject({
    "Load: connections": 10_000_000,
    "Load: delivered live": expect.closeTo(100_000, 3),
    "Load: stored, and replayed later": 900_000,
    "Load: connects": expect.closeTo(2_777.78, 1),
  });
});

test("notifications of one request share its cost at the receiver", () => {
  // 10 us + 100 us / 100 each, and 10 us + 100 us alone.
  expect(planned(LARGE)).toMatchObject({ "Receiver: busy": 11, "Receiver: pods of one core": 22 });
  expect(planned(`${LARGE} --per-request 1`)).toMatchObject({
    "Receiver: busy": 110,
    "Receiver: pods of one core": 220,
  });
});

test("directors follow their work or their lanes, and partitions are a power of two above four of each", () => {
  // 2 cores live, 36 stored, 0.278 connects, 1 at rest.
  const large = planned(LARGE);
  expect(large["Director: busy"]).toBeCloseTo(39.278, 3);
  expect(large["Director: pods of one core"]).toBe(79);
  expect(large["Director: partitions of accepted"]).toBe(512);
  // 10 GB of connected clients, 45 GB of the others.
  expect(large["Director: lanes"]).toBeCloseTo(55e9 / GIB, 3);
  expect(planned(`${LARGE} --lanes-gib 0.5`)["Director: pods of one core"]).toBe(Math.ceil(55e9 / GIB / 0.5));
});

test("partitions also hold ten seconds of unacknowledged notifications, and follow the lanes", () => {
  const few = "--clients 1000000 --online 1 --reconnects 0 --lanes-gib 1000";
  const quick = { ...values, "director.live": 0.1, "director.rest": 0 };
  // A million a second for 10 s, 22,222 of them in a partition: 450.
  expect(planned(`--rate 1000000 ${few}`, quick)["Director: partitions of accepted"]).toBe(512);
  // 20 GB in 10 s, 29.8 MB of them in a partition: 671.
  expect(planned(`--rate 1000000 --payload 2000 ${few}`, quick)["Director: partitions of accepted"]).toBe(1_024);
  const lanes = planned("--rate 10 --clients 100000000 --lanes-gib 1000", quick);
  expect(lanes["Director: partitions of accepted"]).toBe(128);
});

test("distributors follow the connections or the work", () => {
  // 2.5 + 13.5 + 0.556 + 10 cores; 10 million by 100,000, of which half stays free.
  const large = planned(LARGE);
  expect(large["Distributor: busy"]).toBeCloseTo(26.556, 3);
  expect(large["Distributor: pods of one core"]).toBe(200);
  expect(large["Distributor: slots: partitions of routed"]).toBe(400);
  expect(large["Distributor: memory each"]).toBeCloseTo(100 + (100_000 * 4_096) / MIB, 3);
  expect(planned(`${LARGE} --connections-each 1000000`)["Distributor: pods of one core"]).toBe(54);
  expect(large["Distributor: to clients"]).toBe(400);
});

test("Kafka's bytes, disks and brokers", () => {
  const large = planned(`${LARGE} --reconnects 0`);
  // 300 MB/s of accepted, 50 MB/s of routed and control.
  expect(large["Kafka: appended"]).toBe(350);
  expect(large["Kafka: to disks, and network each way"]).toBe(1_050);
  expect(large["Kafka: disk"]).toBeCloseTo(((300e6 * 7 * 86_400 + 50e6 * 1_200) * 3 * 2) / GIB, 0);
  expect(large["Kafka: busy"]).toBe(30);
  // By disk: 1,014,276 GiB in pieces of 16,384. By the network: 1,050 of 625 MB/s.
  expect(large["Kafka: brokers"]).toBe(62);
  expect(planned(`${LARGE} --retention-days 0.01`)["Kafka: brokers"]).toBe(5);
});

test("a larger payload adds to all bytes, and to all work except the stores' for waiting notifications", () => {
  const small = planned(LARGE);
  const large = planned(`${LARGE} --payload 1200`);
  const more = (name: string): number => large[name]! - small[name]!;
  expect(more("Kafka: appended")).toBeCloseTo(1_100);
  expect(more("Postgres: log (WAL)")).toBeCloseTo(900);
  expect(more("Distributor: to clients")).toBeCloseTo(1_000);
  // A thousand more bytes cost 1, 2, 3 and 4 ns each, for a million a second. Kafka pays three times.
  expect(more("Receiver: busy")).toBeCloseTo(1);
  expect(more("Director: busy")).toBeCloseTo(2);
  expect(more("Distributor: busy")).toBeCloseTo(3);
  expect(more("Kafka: busy")).toBeCloseTo(12);
  expect(more("Postgres: busy")).toBe(0);
});

test("a smaller payload is fewer bytes, and no less work", () => {
  const small = planned(`${LARGE} --payload 100`);
  expect(small["Kafka: appended"]).toBeLessThan(planned(LARGE)["Kafka: appended"]!);
  expect(small["Receiver: busy"]).toBe(planned(LARGE)["Receiver: busy"]);
});

test("Redis' memory, operations and shards", () => {
  const large = planned(LARGE);
  expect(large["Redis: memory"]).toBeCloseTo(2.5e9 / GIB, 5);
  // 2,778 connects of 3, 16,667 registrations of 2.
  expect(large["Redis: operations"]).toBeCloseTo(8_333.3 + 33_333.3, 0);
  expect(large["Redis: shards"]).toBe(1);
  // Half of them have ids for a day: 43.2 thousand million entries of 200 bytes.
  const ids = planned(`${LARGE} --ids 0.5`);
  expect(ids["Redis: memory"]).toBeCloseTo((2.5e9 + 43.2e9 * 200) / GIB, 1);
  expect(ids["Redis: shards"]).toBe(Math.ceil((2.5e9 + 43.2e9 * 200) / GIB / 8));
  // One key for a hundred notifications.
  expect(planned(`${LARGE} --keys 1`)["Redis: memory"]).toBeCloseTo((2.5e9 + 864e6 * 200) / GIB, 1);
});

test("Postgres' rows, log, disks and shards", () => {
  const large = planned(LARGE);
  // 900,000 x 100 us, and 10 million connections at half a microsecond a second.
  expect(large["Postgres: busy"]).toBe(95);
  expect(large["Postgres: log (WAL)"]).toBe(720);
  expect(large["Postgres: rows kept"]).toBe(900_000 * 86_400);
  expect(large["Postgres: connections of our pools"]).toBe((79 + 200 + 3 + 3) * 8 + 22);
  expect(large["Postgres: disk of the primaries"]).toBeCloseTo((77.76e9 * 400 * 2) / GIB, 0);
  // 95 of 8 cores: 12. 57,936 of 8,192 GiB: 8. 720 of 125 MB/s: 6.
  expect(large["Postgres: shards"]).toBe(12);
  expect(large["Postgres: nodes"]).toBe(24);
});

test("the mean rate fills disks, and the peak occupies cores", () => {
  const peak = planned(LARGE);
  const mean = planned(`${LARGE} --average 0.25`);
  expect(mean["Postgres: rows kept"]! * 4).toBe(peak["Postgres: rows kept"]);
  expect(mean["Postgres: busy"]).toBe(peak["Postgres: busy"]);
  expect(mean["Director: busy"]).toBe(peak["Director: busy"]);
});

test("a lost zone's connections return as fast as the narrowest remaining part allows", () => {
  const large = planned(LARGE);
  expect(large["Everybody back: connections that a lost zone had"]).toBeCloseTo(3_333_333.3, 0);
  // 133 of 200 distributors: 106.4 free cores, 532,222/s by their work, and 266,000/s by CONNECT_RATE. 52 of 79
  // directors:
  // 12.7 free cores, 127,222/s. Redis: 0.778 of a core free, 38,889/s.
  expect(large["Everybody back: taken in meanwhile"]).toBeCloseTo((1e6 * (1 - 0.2222222)) / 20, 0);
  const redis = { ...values, "redis.connect": 0.02 };
  expect(planned(LARGE, redis)["Everybody back: taken in meanwhile"]).toBeCloseTo((52 - 39.2778) * 10_000, 0);
  const fast = { ...redis, "director.connect": 0.1 };
  expect(planned(LARGE, fast)["Everybody back: taken in meanwhile"]).toBe(133 * 2_000);
  expect(planned(LARGE, fast)["Everybody back: all back after"]).toBeCloseTo(3_333_333.3 / 266_000, 2);
});

test("one zone loses one distributor, and no director", () => {
  const one = planned(
    "--rate 10 --clients 1000 --online 1 --reconnects 0 --zones 1 --connections-each 100 --headroom 0",
  );
  expect(one["Distributor: pods of one core"]).toBe(10);
  expect(one["Everybody back: connections that a lost zone had"]).toBe(100);
  // The one director has 0.9997 of a core free.
  expect(one["Everybody back: taken in meanwhile"]).toBeCloseTo((1 - 0.0003) * 10_000, 0);
});

test("the cost is the resources at their prices", () => {
  const large = planned(`${LARGE} --price-core 2 --price-gib 0 --price-disk 0 --price-traffic 0`);
  // Pods; brokers and Postgres nodes of 16 cores; Redis nodes.
  expect(large["A month: cores"]).toBe(22 + 79 + 200 + 3 + 3 + 62 * 16 + 2 + 24 * 16);
  expect(large["A month: for all of it"]).toBe(2 * large["A month: cores"]!);
  expect(large["A month: for a million notifications"]).toBeCloseTo(large["A month: for all of it"]! / 2_592_000, 5);
  const free = planned(`${LARGE} --price-core 0 --price-gib 0 --price-disk 0 --price-traffic 0`);
  expect(free["A month: for all of it"]).toBe(0);
});

const inputs = fc.record({
  rate: fc.integer({ min: 1, max: 5_000_000 }),
  clients: fc.integer({ min: 1, max: 500_000_000 }),
  online: fc.double({ min: 0, max: 1, noNaN: true }).map((share) => share.toFixed(3)),
  offline: fc.double({ min: 0, max: 1, noNaN: true }).map((share) => share.toFixed(3)),
  payload: fc.integer({ min: 1, max: 65_536 }),
  ids: fc.constantFrom(0, 0.5, 1),
  reconnects: fc.integer({ min: 0, max: 60 }),
  "members-per-second": fc.integer({ min: 0, max: 1_000_000 }),
  "queue-rate": fc.integer({ min: 0, max: 1_000_000 }),
  zones: fc.integer({ min: 1, max: 3 }),
});
type Asked = typeof inputs extends fc.Arbitrary<infer One> ? One : never;

function needs(asked: Asked, headroom = 0.5): Map<string, number> {
  const args = Object.entries({ ...asked, headroom }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const lines = plan(readInput(args).input, values).filter(({ kind }) => kind === "need");
  return new Map(lines.map(({ part, name, value }) => [`${part}: ${name}`, value]));
}

/** Sums of the same parts may differ in their last digit. */
function expectNoLess(more: Map<string, number>, less: Map<string, number>): void {
  expect([...less].filter(([name, value]) => more.get(name)! < value * (1 - 1e-9))).toEqual([]);
}

test.for(["rate", "clients", "payload", "reconnects"] as const)("twice the %s never needs less of anything", (name) => {
  fc.assert(
    fc.property(inputs, (asked) => {
      expectNoLess(needs({ ...asked, [name]: 2 * asked[name] }), needs(asked));
    }),
    { numRuns: 300 },
  );
});

test("more headroom never needs less of anything", () => {
  fc.assert(
    fc.property(inputs, fc.constantFrom(0.6, 0.8), (asked, headroom) => {
      expectNoLess(needs(asked, headroom), needs(asked));
    }),
    { numRuns: 100 },
  );
});

test("each value of a plan is a number, and purchases are whole", () => {
  const whole = /pods|brokers|shards|nodes|partitions/;
  fc.assert(
    fc.property(inputs, (asked) => {
      const wrong = [...needs(asked)].filter(
        ([name, value]) => !(value >= 0) || (whole.test(name) && !Number.isInteger(value)),
      );
      expect(wrong).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("each line names its inputs, and every constant is in a line", () => {
  const { input } = readInput(LARGE.split(" "));
  const lines = plan(input, values);
  const constant = /\b(receiver|director|distributor|kafka|redis|postgres)(\.\w+)+/g;
  const named = new Set(lines.flatMap(({ from }) => from.match(constant) ?? []));
  expect([...named].sort()).toEqual(Object.keys(values).sort());
  expect(lines.filter(({ from }) => from === "")).toEqual([]);
});
