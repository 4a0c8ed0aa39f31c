import { expect, test } from "vitest";
import { LONG } from "#tests/support/long-form.ts";
import { ignoredRefusal, lostWakeUps, mutants, type BrokenPlatform } from "./mutants.ts";
import type { Mutant } from "./stage.ts";
import { World } from "./world.ts";

const RUNS = Number(process.env.SIMULATION_RUNS ?? (LONG ? 20_000 : 4_000));
const FIRST = Number(process.env.SIMULATION_SEED ?? 1);
/** The value of the simulated directors. */
const ACK_MS = 5_000;
const STEPS = Number(process.env.SIMULATION_STEPS ?? 600);

/** The first seed whose run violates a property, and how; else the duration of healing, in simulated ms. */
function simulate(runs: number, { actors = "none", machines }: Omit<BrokenPlatform, "name"> = {}): Outcome {
  const mend = machines?.();
  const healing: number[] = [];
  try {
    for (let seed = FIRST; seed < FIRST + runs; seed += 1) {
      if (violationOf(seed, actors, false) !== undefined) {
        return { violation: `seed ${seed}: ${violationOf(seed, actors, true)}`, healing };
      }
    }
    return { healing };
  } finally {
    mend?.();
  }

  function violationOf(seed: number, mutant: Mutant, tracing: boolean): string | undefined {
    try {
      healing.push(new World(seed, { mutant, tracing }).run(STEPS));
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }
}

interface Outcome {
  violation?: string;
  healing: number[];
}

test(
  `nothing is lost or out of order, and no commit passes an unsettled one: ${RUNS} runs from seed ${FIRST}`,
  { timeout: 3_600_000 },
  () => {
    expect(simulate(RUNS).violation).toBeUndefined();
  },
);

test.each(mutants)("the simulation reveals $name", { timeout: 120_000 }, (mutant) => {
  // The rarest defect shows once in about 900 runs.
  expect(simulate(8_000, mutant).violation).toMatch(/^seed \d+: /);
});

test("lost wake-ups lose no notification if the safety net exists", { timeout: 120_000 }, () => {
  expect(simulate(500, lostWakeUps).violation).toBeUndefined();
});

test("an ignored refusal of a send loses nothing, and heals as fast as any other fault", { timeout: 120_000 }, () => {
  const whole = simulate(500);
  const broken = simulate(500, ignoredRefusal);
  expect(broken.violation).toBeUndefined();
  // In simulated time: no later than the acknowledgement's deadline.
  expect(Math.max(...broken.healing)).toBeLessThanOrEqual(Math.max(...whole.healing) + ACK_MS);
});
