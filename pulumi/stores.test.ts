import { isSecret, output, type Output } from "@pulumi/pulumi";
import { storeSettings } from "@saasaparilla/shared/settings.ts";
import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import schema from "../charts/saasaparilla-notifications/values.schema.json" with { type: "json" };
import { settings as provisionSettings } from "../services/provision/settings.ts";
import { images } from "../tools/image/third-party-images.ts";
import { declare, HIDDEN, type Program } from "./declared.ts";
import { violations } from "./policy.ts";
import { readSettings as readConfiguration } from "./settings.ts";

const valueOf = <T>(one: Output<T>): Promise<T> => new Promise((resolve) => void one.apply(resolve));

describe.each(["docker", "kubernetes"])("on %s", (target) => {
  let program: Program;
  beforeAll(async () => {
    program = await declare({
      target,
      acceptedPartitions: "24",
      kafka: '{"cpu": 2, "memoryMib": 4096, "diskGib": 100}',
    });
  });

  test("nothing violates the policy", () => {
    expect(program.declared.length).toBeGreaterThan(10);
    expect(violations(program.declared)).toEqual([]);
  });

  test("each target has the same three stores and their provisioning", () => {
    const ours = program.declared.map(({ type }) => type).filter((type) => type.startsWith("saasaparilla:"));
    expect(ours).toEqual(
      expect.arrayContaining(["Kafka", "Postgres", "Redis", "Provisioning"].map((name) => `saasaparilla:${name}`)),
    );
  });

  test("the services accept their settings: TLS to all three stores, and a password for each", async () => {
    const { environment, secrets } = program.outputs;
    const plain = (await valueOf(output(environment))) as Record<string, string>;
    const env = Object.fromEntries(Object.entries(plain).filter(([name]) => !name.endsWith("_FILE")));
    const told = readSettings(storeSettings, { ...env, ...(await valueOf(secrets)) });
    expect(told).toMatchObject({
      KAFKA_TLS: true,
      KAFKA_CA: "/etc/stores/kafka/ca.crt",
      KAFKA_USERNAME: "notifications",
      KAFKA_PASSWORD: `${HIDDEN}-password-kafka`,
      REDIS_CLUSTER: true,
      REDIS_CA: "/etc/stores/redis/ca.crt",
    });
    expect(told.REDIS_URL.every((url) => url.startsWith(`rediss://:${HIDDEN}-password-redis@`))).toBe(true);
    const url = new URL(told.DATABASE_URL);
    expect(url.password).toBe(`${HIDDEN}-password-postgres`);
    expect(url.search).toBe("?sslmode=verify-full&sslrootcert=/etc/stores/postgres/ca.crt");
    const sizes = { ACCEPTED_PARTITIONS: 24, DISPATCH_PARTITIONS: 12, REPLICAS: 3, MIN_INSYNC: 2 };
    expect(readSettings(provisionSettings, { ...env, ...(await valueOf(secrets)) })).toMatchObject(sizes);
  });

  test("outputs mark secrets, and show them nowhere else", async () => {
    const { environment, topics, secrets, values } = program.outputs;
    expect(await isSecret(secrets)).toBe(true);
    expect(JSON.stringify(await valueOf(output({ environment, topics, values })))).not.toContain(HIDDEN);
  });

  test("each topic has three replicas, two of them in sync, and stays as long as the services need it", () => {
    const { topics } = program.outputs;
    expect(
      violations(
        Object.entries(topics).map(([name, inputs]) => ({
          type: "topic",
          name,
          inputs: { ...inputs },
          open: {},
          kept: false,
        })),
      ),
    ).toEqual([]);
    expect(topics["notifications.accepted"]).toMatchObject({ partitions: 24, config: { "retention.ms": "604800000" } });
    expect(topics["notifications.routed"]).toMatchObject({ partitions: 16, config: { "retention.ms": "900000" } });
  });
});

describe("on docker", () => {
  test("the provision service and compose's other services read the same files", async () => {
    const { outputs, declared } = await declare({ target: "docker" });
    const { inputs } = declared.find(({ name, type }) => name === "stores-provision" && type.endsWith(":Container"))!;
    const there = (inputs.uploads as { file: string }[]).map(({ file }) => file);
    const compose = readFileSync(join(import.meta.dirname, "../compose/pulumi.yaml"), "utf8");
    const environment = (await valueOf(output(outputs.environment))) as Record<string, string>;
    for (const [name, value] of Object.entries(environment).filter(([name]) => /^(KAFKA|REDIS|DATABASE)_/.test(name))) {
      expect(compose).toContain(`${name}: ${value === "true" ? `"true"` : value}\n`);
      if (value.startsWith("/")) expect(there).toContain(value);
    }
  });

  test("three Kafka nodes are broker and controller; clients use a password, and nodes a certificate", async () => {
    const { declared } = await declare({ target: "docker" });
    const files = declared
      .filter(({ name, type }) => name.startsWith("stores-kafka-") && type.endsWith(":Container"))
      .map(({ inputs }) => (inputs.uploads as { file: string; content: string }[])[0]!.content);
    expect(files).toHaveLength(3);
    for (const [index, text] of files.entries()) {
      const lines = text.split("\n");
      expect(lines).toEqual(
        expect.arrayContaining([
          `node.id=${index + 1}`,
          "listener.security.protocol.map=CLIENT:SASL_SSL,PEER:SSL,CONTROLLER:SSL",
          "listener.name.peer.ssl.client.auth=required",
          "listener.name.controller.ssl.client.auth=required",
          "min.insync.replicas=2",
          "auto.create.topics.enable=false",
        ]),
      );
    }
  });

  test("the machine's only network has the configured subnet, and Redis' nodes have fixed addresses", async () => {
    const { declared } = await declare({ target: "docker", subnet: "10.99.7.0/24" });
    const network = declared.find(({ type }) => type.endsWith(":Network"))!;
    expect(network.inputs.ipamConfigs).toEqual([{ subnet: "10.99.7.0/24", gateway: "10.99.7.1" }]);
    const addresses = declared
      .filter(({ name, type }) => /-redis-\d$/.test(name) && type.endsWith(":Container"))
      .map(({ inputs }) => (inputs.networksAdvanced as { ipv4Address: string }[])[0]!.ipv4Address);
    expect(addresses).toEqual(["10.99.7.11", "10.99.7.12", "10.99.7.13"]);
  });
});

describe("on kubernetes", () => {
  test("the chart's schema accepts its values, without stores of its own", async () => {
    const { values } = (await declare({ target: "kubernetes" })).outputs;
    const plain = await valueOf(output(values));
    expect(z.fromJSONSchema(schema as never).safeParse(plain).error?.issues).toBeUndefined();
    expect(plain).toMatchObject({
      kafka: { bundled: { enabled: false }, brokers: "notifications-kafka-bootstrap.notifications.svc:9093" },
      postgres: { bundled: { enabled: false }, existingSecret: "notifications-stores" },
      redis: { bundled: { enabled: false }, existingSecret: "notifications-stores", cluster: true },
    });
  });

  test("the operators are installed at a pinned version, or left to the cluster", async () => {
    const releases = async (config: Record<string, string>) =>
      (await declare({ target: "kubernetes", ...config })).declared.filter(({ type }) => type.endsWith(":Release"));
    expect((await releases({})).map(({ inputs }) => String(inputs.version))).toEqual(
      Array.from({ length: 3 }, () => expect.stringMatching(/^\d+\.\d+\.\d+$/) as string),
    );
    expect(await releases({ installOperators: "false" })).toEqual([]);
  });

  test("the Kafka user has all rights on the platform's own topics and groups, and no others", async () => {
    const { declared } = await declare({ target: "kubernetes", namespace: "ours" });
    const user = declared.find(({ type }) => type.endsWith(":KafkaUser"))!;
    const { acls } = (user.inputs.spec as { authorization: { acls: { resource: object }[] } }).authorization;
    expect(acls.map(({ resource }) => resource)).toEqual([
      { type: "topic", name: "ours.", patternType: "prefix" },
      { type: "group", name: "ours.", patternType: "prefix" },
      { type: "cluster" },
    ]);
  });
});

describe("settings", () => {
  test("images match compose's", () => {
    const read = readConfiguration((name) => (name === "target" ? "docker" : undefined));
    expect([read.kafkaImage, read.postgresImage, read.redisImage]).toEqual([
      images.kafka,
      images.postgres,
      images.valkey,
    ]);
  });

  test("a wrong setting is named with its fix", () => {
    const wrong: Record<string, string> = { target: "vm", acceptedPartitions: "0", kafka: '{"cpu": 1}' };
    expect(() => readConfiguration((name) => wrong[name])).toThrow(
      /target: .*; acceptedPartitions: .*; kafka\.memoryMib: .*pulumi config set/,
    );
  });
});
