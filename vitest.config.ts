import { defineConfig } from "vitest/config";

/**
 * `unit` needs nothing that runs: it is what one repeats while writing. `stack` runs on a real Kafka, Postgres and Redis,
 * which tests/support/global-setup.ts starts or finds. An error or a rejection that nobody handled fails the run, in both.
 */
export default defineConfig({
  test: {
    // Two cores: more workers would only take time from the stack's own processes.
    maxWorkers: 2,
    // The deadlines below say what was missing; what passes waits for none of them, however busy the machine is.
    projects: [
      {
        test: {
          name: "unit",
          include: [
            "{shared,services,client,compose,local,cli,tools,bench,pulumi,image}/**/*.test.ts",
            "tests/{chart,lint,simulation,faults,fuzz}/**/*.test.ts",
          ],
          expect: { poll: { timeout: 60_000 } },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "stack",
          include: ["tests/{integration,conformance}/**/*.test.ts"],
          globalSetup: "tests/support/global-setup.ts",
          setupFiles: "tests/support/log-failures.ts",
          expect: { poll: { timeout: 60_000 } },
          testTimeout: 240_000,
          hookTimeout: 240_000,
          teardownTimeout: 60_000,
        },
      },
    ],
  },
});
