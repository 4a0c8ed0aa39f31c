import { expect, test } from "vitest";
import { kafkaOptions, kafkaSettings } from "./settings.ts";

const options = (env: Record<string, string>) =>
  kafkaOptions(kafkaSettings.parse({ KAFKA_BROKERS: "a:1, b:2", ...env }));

test("without more it is spoken to in the clear, as nobody", () => {
  expect(options({})).toEqual({ brokers: ["a:1", "b:2"] });
});

test("with TLS and a password", () => {
  const env = { KAFKA_TLS: "true", KAFKA_SASL: "scram-sha-256", KAFKA_USERNAME: "u", KAFKA_PASSWORD: "p" };
  expect(options(env)).toMatchObject({ ssl: {}, sasl: { mechanism: "scram-sha-256", username: "u", password: "p" } });
});

test.for([
  [{ KAFKA_CA: "/nowhere" }, "need KAFKA_TLS"],
  [{ KAFKA_TLS: "true", KAFKA_CA: "/nowhere" }, "KAFKA_CA: /nowhere cannot be read"],
  [{ KAFKA_TLS: "true", KAFKA_CA: import.meta.filename }, "is no PEM file"],
  [{ KAFKA_TLS: "true", KAFKA_CERT: "/nowhere" }, "KAFKA_CERT and KAFKA_KEY go together"],
  [{ KAFKA_SASL: "plain", KAFKA_USERNAME: "u" }, "KAFKA_SASL needs KAFKA_USERNAME and KAFKA_PASSWORD"],
  [{ KAFKA_PASSWORD: "p" }, "need KAFKA_SASL"],
] as const)("what does not go together ends the start, and is named: %j", ([env, said]) => {
  expect(() => options(env)).toThrow(said);
});
