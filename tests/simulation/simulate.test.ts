import { expect, test } from "vitest";
import { ignoredRefusal, lostWakeUps, mutants, type BrokenPlatform } from "./mutants.ts";
import type { Mutant } from "./stage.ts";
import { World } from "./world.ts";

const RUNS = Number(process.env.SIMULATION_RUNS ?? 20_000);
const FIRST = Number(process.env.SIMULATION_SEED ?? 1);
const STEPS = Number(process.env.SIMULATION_STEPS ?? 600);

/** The first seed whose run violates a property, and how; else how long healing took, in simulated ms. */
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

test.each(mutants)("the simulation notices $name", { timeout: 120_000 }, (mutant) => {
  expect(simulate(1_000, mutant).violation).toMatch(/^seed \d+: /);
});

test("lost wake-ups lose nothing where the safety net is there", { timeout: 120_000 }, () => {
  expect(simulate(500, lostWakeUps).violation).toBeUndefined();
});

test("an ignored refusal loses nothing, and heals only at the acknowledgement's deadline", { timeout: 120_000 }, () => {
  const whole = simulate(500);
  const broken = simulate(500, ignoredRefusal);
  expect(broken.violation).toBeUndefined();
  expect(mean(broken.healing)).toBeGreaterThan(mean(whole.healing));
});

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
