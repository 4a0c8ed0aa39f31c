import { defineConfig } from "vitest/config";

/**
 * `unit` needs nothing that runs: it is what one repeats while writing. `stack` runs on a real Kafka, Postgres and Redis,
 * which tests/backing.ts starts or finds. An error or a rejection that nobody handled fails the run, in both.
 */
export default defineConfig({
  test: {
    // Two cores: more workers would only take time from the stack's own processes.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "{shared,services,client,compose}/**/*.test.ts",
            "tests/{direction,simulation,faults}/**/*.test.ts",
          ],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "stack",
          include: ["tests/**/*.test.ts"],
          exclude: ["tests/{direction,simulation,faults}/**"],
          globalSetup: "tests/backing.ts",
          testTimeout: 120_000,
          hookTimeout: 120_000,
          teardownTimeout: 30_000,
        },
      },
    ],
  },
});
