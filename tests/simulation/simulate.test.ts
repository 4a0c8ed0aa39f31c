import { expect, test } from "vitest";
import { World, type Mutant } from "./world.ts";

const RUNS = Number(process.env.SIMULATION_RUNS ?? 1_000);
const FIRST = Number(process.env.SIMULATION_SEED ?? 1);
const STEPS = Number(process.env.SIMULATION_STEPS ?? 600);

function simulate(seed: number, mutant?: Mutant): void {
  new World({ seed, steps: STEPS, ...(mutant ? { mutant } : {}) }).run(STEPS);
}

test(
  `nothing is lost, nothing is out of order, and no commit passes an unsettled one: ${RUNS} runs from seed ${FIRST}`,
  { timeout: 600_000 },
  () => {
    for (let seed = FIRST; seed < FIRST + RUNS; seed += 1) {
      try {
        simulate(seed);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}\n${(error as Error).stack}`, { cause: error });
      }
    }
  },
);

test.each<Mutant>(["no read under the hold", "commit before insert", "replay skipped"])(
  "the simulation notices a platform with %s",
  { timeout: 120_000 },
  (mutant) => {
    const caught = (): void => {
      for (let seed = 1; seed <= 2_000; seed += 1) simulate(seed, mutant);
    };
    expect(caught).toThrow();
  },
);
