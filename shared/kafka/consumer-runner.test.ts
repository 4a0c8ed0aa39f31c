import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ConsumerRunner } from "./consumer-runner.ts";

let done: string[];
let runner: ConsumerRunner<string>;

beforeEach(() => {
  vi.useFakeTimers();
  done = [];
  const consumer = {
    run: (config: string) => Promise.resolve(void done.push(config)),
    stop: () => Promise.resolve(void done.push("left")),
    disconnect: () => Promise.resolve(void done.push("disconnected")),
  };
  runner = new ConsumerRunner(consumer, "runs", (error) => done.push(`fatal: ${(error as Error).message}`));
});

afterEach(() => vi.useRealTimers());

test.for(["Broker not connected", "Failed to find group coordinator"])(
  "a consumer runs again after a temporary error: %s",
  async (message) => {
    await runner.start();
    runner.crashed({ error: new Error(message), restart: false });
    expect(done).toEqual(["runs"]);
    await vi.runAllTimersAsync();
    expect(done).toEqual(["runs", "runs"]);
  },
);

test("the client's own restarts are left to the client, and other errors that it does not survive are fatal", async () => {
  await runner.start();
  runner.crashed({ error: new Error("Broker not connected"), restart: true });
  await vi.runAllTimersAsync();
  expect(done).toEqual(["runs"]);
  runner.crashed({ error: new Error("The handler is wrong."), restart: false });
  expect(done).toEqual(["runs", "fatal: The handler is wrong."]);
});

test("a stopped consumer is not run again, before or after the stop", async () => {
  await runner.start();
  runner.crashed({ error: new Error("Broker not connected"), restart: false });
  await runner.stop();
  runner.crashed({ error: new Error("Broker not connected"), restart: false });
  runner.crashed({ error: new Error("The connection closed."), restart: false });
  await vi.runAllTimersAsync();
  expect(done).toEqual(["runs", "disconnected"]);
});

test("a consumer rejoins its group, unless it was stopped meanwhile", async () => {
  await runner.start();
  await runner.rejoin();
  expect(done).toEqual(["runs", "left", "runs"]);
  const again = runner.rejoin();
  await runner.stop();
  await again;
  expect(done).toEqual(["runs", "left", "runs", "left", "disconnected"]);
});
