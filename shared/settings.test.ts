import { expect, test } from "vitest";
import { commonSettings, readSettings } from "./settings.ts";

const right = {
  KAFKA_BROKERS: "a:1, b:2",
  DATABASE_URL: "postgres://user:secret@host/db",
  REDIS_URL: "redis://host",
  PORT: "8080",
};

test("settings have their defaults, and an empty variable counts as none", () => {
  expect(readSettings(commonSettings, { ...right, NAMESPACE: "" })).toMatchObject({
    NAMESPACE: "notifications",
    KAFKA_BROKERS: ["a:1", "b:2"],
    REDIS_URL: ["redis://host"],
    REDIS_CLUSTER: false,
    PORT: 8080,
  });
});

test.each([
  ["PORT", "eighty", /PORT: .*not "eighty"/],
  ["NAMESPACE", "Über", /NAMESPACE: lower-case letters, digits and _, .*not "Über"/],
  ["REDIS_URL", "redis://a,http://b", /REDIS_URL: .*not "\(hidden\)"/],
  ["KAFKA_BROKERS", "", /KAFKA_BROKERS: is not set/],
])("a wrong %s is named, with what it is", (name, value, message) => {
  expect(() => readSettings(commonSettings, { ...right, [name]: value })).toThrow(message);
});

test("a wrong URL is named without being shown: it may carry a password", () => {
  const read = () => readSettings(commonSettings, { ...right, DATABASE_URL: "mysql://root:secret@host" });
  expect(read).toThrow(/DATABASE_URL: .*\(hidden\)/);
  expect(read).not.toThrow(/secret/);
});
