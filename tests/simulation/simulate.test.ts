import { expect, test } from "vitest";
import type { Mutant } from "./stage.ts";
import { World } from "./world.ts";

const RUNS = Number(process.env.SIMULATION_RUNS ?? 2_000);
const FIRST = Number(process.env.SIMULATION_SEED ?? 1);
const STEPS = Number(process.env.SIMULATION_STEPS ?? 600);

/** The first seed whose run violates a property, and how. */
function firstViolation(runs: number, mutant?: Mutant): string | undefined {
  for (let seed = FIRST; seed < FIRST + runs; seed += 1) {
    try {
      new World(seed, mutant).run(STEPS);
    } catch (error) {
      return `seed ${seed}: ${(error as Error).message}`;
    }
  }
  return undefined;
}

test(
  `nothing is lost or out of order, and no commit passes an unsettled one: ${RUNS} runs from seed ${FIRST}`,
  { timeout: 600_000 },
  () => {
    expect(firstViolation(RUNS)).toBeUndefined();
  },
);

test.each<Mutant>([
  "no read under the hold",
  "commit before insert",
  "replay skipped",
  "direct insert beside an undrained deferred",
  "held before deferred is drained",
])("the simulation notices a platform with %s", { timeout: 120_000 }, (mutant) => {
  expect(firstViolation(2_000, mutant)).toMatch(/^seed \d+: /);
});
