import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { kafka, kafkaIn } from "#local/stores/kafka.ts";
import type { Command } from "#local/process/processes.ts";
import { GRANTS, roleOf, ROLE_NAMES, type RoleName } from "@saasaparilla/shared/store-grants/grants.ts";
import { jaas, KAFKA_OWNER } from "@saasaparilla/shared/store-grants/kafka.ts";
import { topicsOf, type Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { freePorts, OwnStore } from "#tests/faults/stores.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Kind, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

/** The broker of compose, with its own configuration: each service has its user, with only the rights in GRANTS. */
const namespace = `test_${randomBytes(6).toString("hex")}`;
const passwords = new Map(ROLE_NAMES.map((role) => [role, randomBytes(18).toString("base64url")]));
const OWNER_PASSWORD = randomBytes(18).toString("base64url");
const topics = topicsOf(namespace);

let folder: string;
let broker: OwnStore | undefined;
let stack: Stack;

const clientOf = (username: string, password: string): Kafka =>
  new Kafka({
    brokers: [broker!.url],
    sasl: { mechanism: "plain", username, password },
    logLevel: logLevel.NOTHING,
    retry: { retries: 1, initialRetryTime: 50 },
  });

const as = (role: RoleName): Kafka => clientOf(roleOf(namespace, role), passwords.get(role)!);
const kafkaEnv = (role: RoleName): Record<string, string> => ({
  KAFKA_USERNAME: roleOf(namespace, role),
  KAFKA_PASSWORD: passwords.get(role)!,
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kafka-roles-"));
  const [port, controller] = (await freePorts(2)) as [number, number];
  const data = join(folder, "data");
  const login = join(folder, "jaas.conf");
  writeFileSync(login, jaas(namespace, OWNER_PASSWORD, passwords));
  const command = async (): Promise<Command> => {
    const made = await kafkaIn(data, port, controller);
    const properties = readFileSync(join(import.meta.dirname, "../../../compose/kafka/server.properties"), "utf8")
      .replaceAll(":9093", `:${controller}`)
      .replaceAll("://:9092", `://127.0.0.1:${port}`)
      .replaceAll("kafka:9092", `127.0.0.1:${port}`)
      .replace("log.dirs=/var/lib/kafka/data", `log.dirs=${data}`);
    writeFileSync(made.args.at(-1)!, properties);
    return { ...made, args: [`-Djava.security.auth.login.config=${login}`, ...made.args] };
  };
  const url = `127.0.0.1:${port}`;
  const answers = async (): Promise<void> => {
    const admin = clientOf(KAFKA_OWNER, OWNER_PASSWORD).admin();
    await admin.connect();
    await admin.disconnect();
  };
  broker = new OwnStore({
    name: "kafka",
    url,
    address: url,
    backing: { ...kafka, answers },
    command,
    log: `${data}.log`,
  });
  await broker.start();
  const own = ["receiver", "director", "distributor", "console", "courier", "dispatcher", "recorder"] as const;
  stack = await startStack({
    namespace,
    env: {
      KAFKA_BROKERS: url,
      KAFKA_SASL: "plain",
      KAFKA_USERNAME: KAFKA_OWNER,
      KAFKA_PASSWORD: OWNER_PASSWORD,
      DRAIN_MS: "0",
      ...Object.fromEntries(own.map((role) => [`${role.toUpperCase()}_PASSWORD`, passwords.get(role)!])),
    },
  });
});

afterAll(async () => {
  try {
    await stack?.close();
  } finally {
    await broker?.kill();
    await rm(folder, { recursive: true });
  }
});

test("the platform works with its own users in all stores", async () => {
  const start = (kind: Kind) => stack.start(kind, kafkaEnv(kind));
  const [receiver, director, distributor, desk, courier, dispatcher, recorder] = await Promise.all([
    start("receiver"),
    start("director"),
    start("distributor"),
    start("console"),
    start("courier"),
    start("dispatcher"),
    start("recorder"),
  ]);
  const operator = await ConsoleApi.of(stack, desk);
  await operator.does("POST", "/acme/keys", { name: "a key", scopes: ["publish"] });
  stack.services.push(receiver, director, distributor, desk, courier, dispatcher, recorder);
  const publisher = await Publisher.of(stack);
  const subscriber = await Subscriber.of(stack, { client: "u1", transport: "sse" });
  // Stored, replayed, live, and acknowledged.
  await publisher.number("u1", 3);
  await subscriber.connect(distributor);
  await subscriber.all(publisher);
  await publisher.number("u1", 3);
  await subscriber.all(publisher);
  await subscriber.close();
  const token = await stack.token({ publisher: "root", scope: "operate", tenant: "platform" });
  const letters = await fetch(`${director.url}/v1/dead-letters`, { headers: { authorization: `Bearer ${token}` } });
  expect([letters.status, await letters.json()]).toEqual([200, { deadLetters: [] }]);
});

type Verdict = "done" | "denied";

const verdict = (work: Promise<unknown>): Promise<Verdict> =>
  work.then(
    () => "done",
    (thrown: unknown) => {
      const error = thrown as {
        type?: string;
        message: string;
        cause?: { type?: string };
        errors?: { type?: string }[];
      };
      const types = [error, error.cause, ...(error.errors ?? [])].map((one) => one?.type);
      if (
        types.some((type) => type?.endsWith("AUTHORIZATION_FAILED")) ||
        /not authorized|find group coordinator/i.test(error.message)
      )
        return "denied";
      throw thrown;
    },
  );

test.each(ROLE_NAMES)("a %s reads, writes and describes only its granted topics", async (role) => {
  const { read, write, describe } = GRANTS[role].kafka;
  const client = as(role);
  const [admin, producer] = [client.admin(), client.producer()];
  await Promise.all([admin.connect(), producer.connect()]);
  try {
    for (const name of Object.keys(topics) as (keyof Topics)[]) {
      const topic = topics[name];
      const known = [...read, ...write, ...describe].includes(name);
      const seen = await verdict(admin.fetchTopicOffsets(topic));
      expect([name, "describe", seen]).toEqual([name, "describe", known ? "done" : "denied"]);
      // A partition that does not exist, so that a test writes nothing.
      const sent = await producer.send({ topic, messages: [{ value: null, partition: 0 }] }).then(
        () => "done",
        () => "denied",
      );
      expect([name, "write", sent]).toEqual([name, "write", write.includes(name) ? "done" : "denied"]);
    }
    const others = { topic: `${namespace}.other`, numPartitions: 1 };
    expect(await verdict(admin.createTopics({ topics: [others] }))).toBe("denied");
    expect(await verdict(admin.deleteTopics({ topics: [topics.audit] }))).toBe("denied");
    // A topic that it may read: only the group is under test.
    const asked = [topics[[...read, ...write][0]!]];
    const group = (groupId: string): Promise<string> => verdict(admin.fetchOffsets({ groupId, topics: asked }));
    for (const granted of GRANTS[role].kafka.groups)
      expect([granted, await group(`${namespace}.${granted.replace("*", "x")}`)]).toEqual([granted, "done"]);
    for (const other of ["another-group", `${namespace}.another`])
      expect([other, await group(other)]).toEqual([other, "denied"]);
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  }
});

test("a login without a password, with another user's, or with an unknown name fails", async () => {
  const tries = [
    new Kafka({ brokers: [broker!.url], logLevel: logLevel.NOTHING, requestTimeout: 2_000, retry: { retries: 0 } }),
    clientOf(roleOf(namespace, "receiver"), passwords.get("director")!),
    clientOf("nobody", "nothing"),
  ];
  for (const client of tries) {
    const admin = client.admin();
    await expect(admin.connect().then(() => admin.listTopics())).rejects.toThrow(
      /authenticat|closed|connection|disconnected/i,
    );
    await admin.disconnect();
  }
});
