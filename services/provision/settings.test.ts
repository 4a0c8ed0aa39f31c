import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { expect, test } from "vitest";
import { settings } from "./settings.ts";

const stores = { KAFKA_BROKERS: "k:9092", DATABASE_URL: "postgres://p/p", REDIS_URL: "redis://r" };

test("provision does not create the operators' tenant", () => {
  expect(readSettings(settings, { ...stores, TENANTS: "shop,desk" }).TENANTS).toEqual(["shop", "desk"]);
  expect(() => readSettings(settings, { ...stores, TENANTS: "shop,platform" })).toThrow("platform is reserved");
});
