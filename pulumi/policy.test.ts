import { beforeAll, describe, expect, test } from "vitest";
import { declare, HIDDEN, type Declared } from "./declared.ts";
import { violations } from "./policy.ts";

let docker: Declared[];
let kubernetes: Declared[];
beforeAll(async () => {
  docker = (await declare({ target: "docker" })).declared;
  kubernetes = (await declare({ target: "kubernetes" })).declared;
});

/** The resource with one change. */
function broken(declared: Declared[], type: RegExp, path: string, value: unknown): Declared[] {
  const found = declared.find((one) => type.test(one.type))!;
  const inputs = structuredClone(found.inputs);
  const keys = path.split("/");
  let at = inputs as Record<string, never>;
  for (const key of keys.slice(0, -1)) at = at[key]!;
  (at as Record<string, unknown>)[keys.at(-1)!] = value;
  return [{ ...found, inputs }];
}

describe("each rule finds its violation", () => {
  const password = `a ${HIDDEN} word`;
  test.each([
    ["a container that runs as root", /:Container$/, "user", "0:0"],
    ["a container without a memory limit", /:Container$/, "memory", undefined],
    ["a container with capabilities", /:Container$/, "capabilities", undefined],
    ["a published port", /:Container$/, "ports", [{ internal: 9092 }]],
    ["a server without a volume", /:Container$/, "volumes", []],
    ["a key that others can read", /:Container$/, "uploads/0/permissions", "0444"],
    ["a secret in a server's environment", /:Container$/, "envs/0", password],
    ["a secret in a server's command", /:Container$/, "command", [password]],
    ["a label with a secret", /:Container$/, "labels", [{ label: "password", value: password }]],
  ])("%s", (_, type, path, value) => {
    expect(violations(broken(docker, type, path, value))).toHaveLength(1);
  });

  test.each([
    ["a pod that may run as root", /:Job$/, "spec/template/spec/securityContext/runAsNonRoot", false],
    ["a pod without limits", /:Job$/, "spec/template/spec/containers/0/resources", undefined],
    [
      "a container that can write to its image",
      /:Job$/,
      "spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem",
      false,
    ],
    ["a pod with a secret in its environment", /:Job$/, "spec/template/spec/containers/0/env/0/value", password],
    ["a listener without TLS", /v1:Kafka$/, "spec/kafka/listeners/0/tls", false],
    ["one replica in sync", /v1:Kafka$/, "spec/kafka/config/min.insync.replicas", "1"],
    ["two replicas", /v1:Kafka$/, "spec/kafka/config/default.replication.factor", "2"],
    ["topics that an operator creates", /v1:Kafka$/, "spec/entityOperator/topicOperator", {}],
    ["two brokers", /:KafkaNodePool$/, "spec/replicas", 2],
    ["a log that is deleted with its pod", /:KafkaNodePool$/, "spec/storage/volumes/0/type", "ephemeral"],
    ["a log that is deleted with its cluster", /:KafkaNodePool$/, "spec/storage/volumes/0/deleteClaim", true],
    ["a Postgres alone", /v1:Cluster$/, "spec/instances", 1],
    ["a commit that only one machine has", /v1:Cluster$/, "spec/postgresql/synchronous", undefined],
    ["a Redis without TLS", /:RedisCluster$/, "spec/TLS", undefined],
    ["a Redis without persistence", /:RedisCluster$/, "spec/persistenceEnabled", false],
  ])("%s", (_, type, path, value) => {
    expect(violations(broken(kubernetes, type, path, value))).toHaveLength(1);
  });
});

test("data that is deleted with its resource", () => {
  for (const [declared, type] of [
    [docker, /:Volume$/],
    [kubernetes, /cnpg.*:Cluster$/],
  ] as const) {
    const found = declared.find((one) => type.test(one.type))!;
    expect(violations([found])).toEqual([]);
    expect(violations([{ ...found, kept: false }])).toHaveLength(1);
  }
});

test("a secret that is not marked for the engine is found even in a permitted place", () => {
  const [secret] = kubernetes.filter(({ type }) => type === "kubernetes:core/v1:Secret");
  expect(violations([secret!])).toEqual([]);
  expect(violations([{ ...secret!, open: secret!.inputs }])).toHaveLength(1);
});
