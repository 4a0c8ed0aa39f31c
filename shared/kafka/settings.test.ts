import { expect, test } from "vitest";
import { kafkaOptions, kafkaSettings } from "./settings.ts";

const options = (env: Record<string, string>) =>
  kafkaOptions(kafkaSettings.parse({ KAFKA_BROKERS: "a:1, b:2", ...env }));

test("the default is a connection without TLS or user", () => {
  expect(options({})).toEqual({ brokers: ["a:1", "b:2"] });
});

test("TLS and a password are used when they are set", () => {
  const env = { KAFKA_TLS: "true", KAFKA_SASL: "scram-sha-256", KAFKA_USERNAME: "u", KAFKA_PASSWORD: "p" };
  expect(options(env)).toMatchObject({ ssl: {}, sasl: { mechanism: "scram-sha-256", username: "u", password: "p" } });
});

test.for([
  [{ KAFKA_CA: "/nowhere" }, "need KAFKA_TLS"],
  [{ KAFKA_TLS: "true", KAFKA_CA: "/nowhere" }, "KAFKA_CA: /nowhere cannot be read"],
  [{ KAFKA_TLS: "true", KAFKA_CA: import.meta.filename }, "is not a PEM file"],
  [{ KAFKA_TLS: "true", KAFKA_CERT: "/nowhere" }, "KAFKA_CERT and KAFKA_KEY belong together"],
  [{ KAFKA_SASL: "plain", KAFKA_USERNAME: "u" }, "KAFKA_SASL needs KAFKA_USERNAME and KAFKA_PASSWORD"],
  [{ KAFKA_PASSWORD: "p" }, "need KAFKA_SASL"],
] as const)("conflicting settings end the start, and are named: %j", ([env, said]) => {
  expect(() => options(env)).toThrow(said);
});
