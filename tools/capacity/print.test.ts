import fc from "fast-check";
import { expect, test } from "vitest";
import { baseline } from "#bench/results/report.ts";
import { readConstants } from "./constants.ts";
import { readInput } from "./input.ts";
import { rowsOf, type Row } from "./print.ts";

const measured = readConstants(baseline().figures);
const rows = (args: string): Row[] => rowsOf(readInput(args.split(" ")).input, measured);

const outside = (all: readonly Row[]): Row[] =>
  all.filter(({ value, least, most }) => !(least <= value && value <= most));

test.for([
  "--rate 1 --clients 1",
  "--rate 100000 --clients 10000000",
  "--rate 1000000 --clients 100000000",
  "--rate 2000 --clients 50000 --online 0.4 --offline 0.3 --average 0.3 --broker-cores 2 --postgres-cores 2 --redis-gib 1",
  "--rate 300000 --clients 3000000 --zones 1 --headroom 0 --online 1 --per-request 1 --ids 1 --keys 1",
  "--rate 5000000 --clients 500000000 --payload 2000 --reconnects 60 --headroom 0.9",
  "--rate 10 --clients 100000 --online 0 --headroom 0.34",
] as const)("%s: each value lies in its range", (args) => {
  expect(outside(rows(args))).toEqual([]);
});

const decimal = (min: number, max: number): fc.Arbitrary<string> =>
  fc
    .oneof(fc.constantFrom(min, max), fc.double({ min, max, noNaN: true }))
    .map((value) => Number(value.toFixed(3)).toString());
const whole = (min: number, max: number): fc.Arbitrary<string> => fc.integer({ min, max }).map(String);
const share = decimal(0, 1);

/** Any of the flags, over its whole permitted range. */
const flags = fc.record(
  {
    rate: decimal(0.001, 1e9),
    clients: whole(1, 1e9),
    online: share,
    offline: share,
    average: decimal(0.001, 1),
    payload: whole(1, 524_288),
    "per-request": whole(1, 10_000),
    ids: share,
    keys: share,
    reconnects: decimal(0, 3_600),
    "stored-days": decimal(0, 365),
    "retention-days": decimal(0.001, 365),
    headroom: decimal(0.5, 0.9),
    zones: whole(1, 9),
    "connections-each": whole(1, 1e7),
    "lanes-gib": decimal(0.001, 100),
    replicas: whole(1, 9),
    copies: whole(1, 9),
    "broker-cores": decimal(0.5, 128),
    "broker-disk": decimal(1, 1e6),
    "broker-network": decimal(1, 1e5),
    "broker-write": decimal(1, 1e5),
    "redis-gib": decimal(0.1, 1_000),
    "postgres-cores": decimal(0.5, 128),
    "postgres-disk": decimal(1, 1e6),
    "postgres-write": decimal(1, 1e5),
    "price-core": decimal(0, 1_000),
    "price-gib": decimal(0, 1_000),
    "price-disk": decimal(0, 1_000),
    "price-traffic": decimal(0, 1_000),
  },
  { requiredKeys: ["rate", "clients", "headroom"] },
);

/** The measured constants, with other spreads. */
const constants = fc
  .array(fc.tuple(fc.double({ min: 0.1, max: 1, noNaN: true }), fc.double({ min: 1, max: 10, noNaN: true })), {
    minLength: measured.length,
    maxLength: measured.length,
  })
  .map((spreads) =>
    measured.map((constant, index) => {
      const [less, more] = spreads[index]!;
      return { ...constant, min: constant.median * less, max: constant.median * more };
    }),
  );

test("each value lies in its range, for any flags and spread", () => {
  fc.assert(
    fc.property(flags, fc.oneof(fc.constant(measured), constants), (asked, known) => {
      const { input } = readInput(Object.entries(asked).map(([name, value]) => `--${name}=${value}`));
      expect(outside(rowsOf(input, known))).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test("a result's range follows the plan's purchases, and not the purchases of other constants", () => {
  const work = measured.map((constant) => {
    const spread = constant.name === "director.stored" ? 4 : 1;
    return { ...constant, min: constant.median / spread, max: constant.median * spread };
  });
  const all = rowsOf(readInput(["--rate", "1000000", "--clients", "100000000"]).input, work);
  const [pods, memory] = ["pods of one core", "memory each"].map((name) =>
    all.find((row) => row.part === "Director" && row.name === name)!,
  );
  expect(pods!.least).toBeLessThan(pods!.value);
  expect(pods!.most).toBeGreaterThan(pods!.value);
  // With fewer pods each would have more of the lanes and of the partitions.
  expect(memory).toMatchObject({ least: memory!.value, most: memory!.value });
});
