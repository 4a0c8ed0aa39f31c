import { afterAll, beforeAll, expect, test } from "vitest";
import { FAULTS } from "#tests/faults/faults.ts";
import { Rig } from "#tests/faults/rig.ts";
import { runFault } from "#tests/faults/run.ts";
import { SHORT } from "#tests/faults/settings.ts";
import { LONG } from "#tests/support/long-form.ts";

/**
 * Runs a few faults of the battery once; `just faults` has all of them. Its stores are its own. The crowd takes a
 * minute, so distributor-death.test.ts restarts distributors under a crowd in CI.
 */
const SINGLES = [
  "kill -9 of all directors at once",
  "postgres away, and a director killed meanwhile",
  "FLUSHALL",
  "kafka away (stopped), started again",
  "kill -9 of all couriers at once",
  "kill -9 of all dispatchers at once",
  `rolling restart of the distributors${LONG ? " under a crowd" : ""}`,
];

let rig: Rig | undefined;

beforeAll(async () => {
  rig = await Rig.start(SHORT);
}, 300_000);

afterAll(() => rig?.close());

test.each(SINGLES)(
  "R32, R33, R34, R80, R82: nothing is lost, out of order or duplicated: %s",
  async (name) => {
    const fault = FAULTS.find((one) => one.name === name)!;
    const seed = Math.floor(Math.random() * 1e9);
    const { violations, figures, unsettled, unready } = await runFault(rig!, fault, {
      seed,
      full: false,
      clients: 60,
      crowd: 300,
      rate: 150,
    });
    expect({ seed, violations }).toEqual({ seed, violations: [] });
    expect(figures.sent).toBeGreaterThan(200);
    expect(figures.listed).toBeGreaterThan(20);
    expect(unready).toBeUndefined();
    expect(unsettled).toBe(0);
  },
  240_000,
);
