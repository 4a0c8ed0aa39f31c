import { expect, test } from "vitest";
import { Health } from "./health.ts";

test("a service that was ready once serves until it ends, even without its stores", () => {
  const health = new Health(["kafka", "redis"]);
  health.up("kafka");
  expect([health.ready().ready, health.serving]).toEqual([false, false]);
  health.up("redis");
  expect([health.ready().ready, health.serving]).toEqual([true, true]);
  health.down("redis", "the connection closed");
  expect([health.ready(), health.serving]).toEqual([
    { ready: false, missing: { redis: "the connection closed" } },
    true,
  ]);
  health.up("redis");
  health.end();
  expect([health.ready().ready, health.serving]).toEqual([false, false]);
  health.up("redis");
  expect(health.serving).toBe(false);
});
