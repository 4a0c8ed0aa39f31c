import { Cors } from "@saasaparilla/shared/http/allowed-origins.ts";
import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { serverSettings } from "@saasaparilla/shared/http/settings.ts";
import { expect, test } from "vitest";
import { settings } from "./services.ts";

test("the local stack allows pages from any port of this machine, and can seal secrets", () => {
  const told = settings({ KAFKA_BROKERS: "", DATABASE_URL: "", REDIS_URL: "" });
  const cors = new Cors(readSettings(serverSettings, told).ALLOWED_ORIGINS);
  for (const origin of ["http://localhost:5173", "https://localhost", "http://127.0.0.1:3000", "http://[::1]:8000"])
    expect([origin, cors.knows(origin)]).toEqual([origin, true]);
  expect(cors.knows("http://shop.example:5173")).toBe(false);
  const { SECRETS_KEY, KEY_ENVIRONMENT } = readSettings(identitySettings, told);
  expect([SECRETS_KEY.map(({ length }) => length), KEY_ENVIRONMENT]).toEqual([[32], "test"]);
});
