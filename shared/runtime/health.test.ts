import { expect, test } from "vitest";
import { Health } from "./health.ts";

test("once it was ready it serves, whatever is away, until it ends", () => {
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
