// oxlint-disable max-lines -- The certificates and the stores of both parts are the same.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createServer, type Server } from "node:tls";
import { Kafka, logLevel } from "kafkajs";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kafka, kafkaIn } from "#local/stores/kafka.ts";
import type { Command } from "#local/process/processes.ts";
import { postgres, postgresIn } from "#local/stores/postgres.ts";
import { kafkaOptions, type KafkaAddress } from "@saasaparilla/shared/kafka/settings.ts";
import { Authority, type Certified } from "#tests/support/certificates.ts";
import { freePorts, OwnStore } from "#tests/faults/stores.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { maskedFrame } from "#tests/support/raw-transports.ts";

let folder: string;
let ours: Authority;
let theirs: Authority;
let server: Certified;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tls-"));
  // Postgres runs as another user.
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, "postgres"));
  ours = new Authority(folder, "ours");
  theirs = new Authority(folder, "theirs");
  server = ours.certify("server");
});

afterAll(() => rm(folder, { recursive: true }));

describe("stores over TLS, each with a password, and Kafka and Redis with our own certificate", () => {
  let own: Certified;
  let broker: OwnStore;
  let database: OwnStore;
  let terminator: Server;
  let env: Record<string, string>;
  let stack: Stack | undefined;
  const PASSWORD = "a password, with: signs & spaces";

  beforeAll(async () => {
    own = ours.certify("services");
    const [kafkaPort, controller, plain, sql] = (await freePorts(4)) as [number, number, number, number];
    const address: KafkaAddress = {
      KAFKA_BROKERS: [`127.0.0.1:${kafkaPort}`],
      KAFKA_TLS: true,
      KAFKA_CA: ours.ca,
      KAFKA_CERT: own.cert,
      KAFKA_KEY: own.key,
      KAFKA_SASL: "scram-sha-512",
      KAFKA_USERNAME: "platform",
      KAFKA_PASSWORD: "scram-secret",
    };
    broker = brokerOverTls(address, kafkaPort, controller, plain);
    const secret = encodeURIComponent(PASSWORD);
    const databaseUrl = `postgres://notifications:${secret}@127.0.0.1:${sql}/postgres?sslmode=verify-full&sslrootcert=${encodeURIComponent(ours.ca)}`;
    database = databaseOverTls(databaseUrl, sql);
    const redis = new URL(process.env.REDIS_URL!);
    terminator = await terminated(redis);
    const { port } = terminator.address() as { port: number };
    await Promise.all([broker.start(), database.start()]);
    env = {
      KAFKA_BROKERS: address.KAFKA_BROKERS.join(","),
      KAFKA_TLS: "true",
      KAFKA_CA: ours.ca,
      KAFKA_CERT: own.cert,
      KAFKA_KEY: own.key,
      KAFKA_SASL: "scram-sha-512",
      KAFKA_USERNAME: "platform",
      KAFKA_PASSWORD: "scram-secret",
      DATABASE_URL: databaseUrl,
      REDIS_URL: Object.assign(new URL(redis), { host: `127.0.0.1:${port}` }).href.replace("redis:", "rediss:"),
      REDIS_CA: ours.ca,
      REDIS_CERT: own.cert,
      REDIS_KEY: own.key,
      DRAIN_MS: "0",
    };
    stack = await startStack({ env });
  });

  afterAll(async () => {
    await stack?.close();
    terminator?.close();
    await Promise.all([broker?.kill(), database?.kill()]);
  });

  /**
   * The listener for services, and another for controller election; its metadata log lists the permitted users from the
   * start.
   */
  function brokerOverTls(address: KafkaAddress, port: number, controller: number, plain: number): OwnStore {
    const data = join(folder, "kafka");
    const command = async (): Promise<Command> => {
      const made = await kafkaIn(data, plain, controller);
      const [config, jars] = [made.args.at(-1)!, made.args.at(-3)!];
      const pem = `${server.key}.pem`;
      writeFileSync(pem, readFileSync(server.key, "utf8") + readFileSync(server.cert, "utf8"));
      const lines = {
        listeners: `PLAINTEXT://127.0.0.1:${plain},SASL_SSL://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
        "advertised.listeners": `PLAINTEXT://127.0.0.1:${plain},SASL_SSL://127.0.0.1:${port}`,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config":
          "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": pem,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": ours.ca,
        // The general setting does not apply to a listener that asks for a password.
        "listener.name.sasl_ssl.ssl.client.auth": "required",
      };
      const all = Object.entries(lines).map(([name, value]) => `${name}=${value}`);
      writeFileSync(config, `${readFileSync(config, "utf8")}${all.join("\n")}\n`);
      const cluster = /^cluster\.id=(.*)$/m.exec(readFileSync(join(data, "meta.properties"), "utf8"))![1]!;
      await rm(data, { recursive: true });
      const scram = `SCRAM-SHA-512=[name=${address.KAFKA_USERNAME},password=${address.KAFKA_PASSWORD}]`;
      const format = [
        "-cp",
        jars,
        "kafka.tools.StorageTool",
        "format",
        "-c",
        config,
        "-t",
        cluster,
        "--add-scram",
        scram,
      ];
      execFileSync(made.file, format, { stdio: "pipe" });
      return made;
    };
    const answers = async (): Promise<void> => {
      const admin = new Kafka({ ...kafkaOptions(address), logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
      await admin.connect();
      await admin.disconnect();
    };
    const [url = ""] = address.KAFKA_BROKERS;
    return new OwnStore({
      name: "kafka",
      url,
      address: url,
      backing: { ...kafka, answers },
      command,
      log: `${data}.log`,
    });
  }

  function databaseOverTls(url: string, port: number): OwnStore {
    const data = join(folder, "postgres", "data");
    const command = async (): Promise<Command> => {
      const made = await postgresIn(data, port, PASSWORD);
      // Postgres requires a key that no other user can read.
      const key = join(folder, "postgres", "server.key");
      writeFileSync(key, readFileSync(server.key));
      const { uid, gid } = statSync(data);
      chownSync(key, uid, gid);
      chmodSync(key, 0o600);
      const ssl = { ssl: "on", ssl_cert_file: server.cert, ssl_key_file: key, ssl_ca_file: ours.ca };
      return {
        ...made,
        args: [...made.args, ...Object.entries(ssl).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
      };
    };
    const answers = async (): Promise<void> => {
      const client = new Client({ connectionString: url });
      await client.connect();
      await client.end();
    };
    const backing = { ...postgres, answers };
    return new OwnStore({
      name: "postgres",
      url,
      address: `127.0.0.1:${port}`,
      backing,
      command,
      log: join(folder, "postgres.log"),
    });
  }

  /** The Redis of the tests is built without TLS: a proxy before it speaks TLS, as in many installations. */
  async function terminated({ hostname, port }: URL): Promise<Server> {
    const { cert, key } = server;
    const options = { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(ours.ca), requestCert: true };
    const listener = createServer({ ...options, rejectUnauthorized: true }, (client) => {
      const behind = connect(Number(port), hostname);
      client.pipe(behind).pipe(client);
      for (const socket of [client, behind]) {
        socket.on("error", () => {});
        socket.on("close", () => [client, behind].forEach((one) => one.destroy()));
      }
    });
    listener.on("tlsClientError", () => {});
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    return listener;
  }

  test("everything flows: live, stored, and after a reconnect", async () => {
    stack!.services = await Promise.all(
      (["receiver", "director", "distributor"] as const).map((kind) => stack!.start(kind)),
    );
    const publisher = await Publisher.of(stack!);
    await publisher.number("tls", 3);
    const subscriber = await Subscriber.of(stack!, { client: "tls", transport: "websocket" });
    await subscriber.connect(stack!.services[2]!);
    await subscriber.all(publisher);
    await publisher.number("tls", 3);
    await subscriber.all(publisher);
    await subscriber.close();
    const client = new Client({ connectionString: env.DATABASE_URL });
    await client.connect();
    const { rows } = await client.query<{ ssl: boolean; count: number }>(
      "select ssl, count(*)::int from pg_stat_activity join pg_stat_ssl using (pid) where application_name similar to '(receiver|director|distributor)%' group by 1",
    );
    await client.end();
    expect(rows).toEqual([{ ssl: true, count: expect.any(Number) }]);
    await Promise.all(stack!.services.map((service) => service.stop()));
  });

  const NOT_LET_IN: Record<string, RegExp> = {
    kafka: /"kafka[^}]*(certificate|alert|SASL|authentication)/i,
    postgres: /"postgres[^}]*certificate/,
    redis: /"redis[^}]*certificate/,
  };

  test.for<[string, Record<string, string>, string]>([
    ["a Kafka of another authority", { KAFKA_CA: "theirs" }, "kafka"],
    ["a Kafka that asks for a certificate", { KAFKA_CERT: "", KAFKA_KEY: "" }, "kafka"],
    ["a wrong password for Kafka", { KAFKA_PASSWORD: "wrong" }, "kafka"],
    ["a Postgres of another authority", { DATABASE_URL: "theirs" }, "postgres"],
    ["a Redis of another authority", { REDIS_CA: "theirs" }, "redis"],
  ])("%s: no service is ready, and none talks to it without TLS", async ([, wrong, store]) => {
    const changed = Object.fromEntries(
      Object.entries(wrong).map(([name, value]) => [
        name,
        value !== "theirs" ? value : name === "DATABASE_URL" ? env[name]!.replace("ours.pem", "theirs.pem") : theirs.ca,
      ]),
    );
    const director = await stack!.start("director", { ...env, ...changed }, { ready: false });
    // The director reports the refused connection, or that it admits no caller; not only that it is not ready yet.
    const said = async () =>
      (await (await fetch(`${director.url}/health/ready`)).text()) + JSON.stringify(director.logs);
    await expect.poll(said).toMatch(NOT_LET_IN[store]!);
    expect((await fetch(`${director.url}/health/ready`)).status).toBe(503);
    await director.stop();
  });
});

describe("the services' own ports over TLS", () => {
  let stack: Stack;
  let receiver: Service;
  let distributor: Service;

  beforeAll(async () => {
    stack = await startStack({ services: ["director"] });
    const tls = { TLS_CERT: server.cert, TLS_KEY: server.key, DRAIN_MS: "0" };
    [receiver, distributor] = await Promise.all([
      stack.start("receiver", tls, { ready: false }),
      stack.start("distributor", tls, { ready: false }),
    ]);
  });

  afterAll(() => stack.close());

  async function ask(to: Service, path: string, body?: string, ca = ours.ca) {
    const token = await stack.token(to.kind === "receiver" ? { publisher: "p" } : { client: "over-tls" });
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const url = new URL(path, to.url.replace("http:", "https:"));
    const asked = request(url, {
      ca: readFileSync(ca),
      method: body === undefined ? "GET" : "POST",
      headers,
      agent: false,
    });
    asked.end(body);
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    let text = "";
    for await (const chunk of answer.setEncoding("utf8")) text += chunk;
    return { status: answer.statusCode, text };
  }

  test("publishing, long polls and WebSockets work for a client that trusts the authority", async () => {
    for (const service of [receiver, distributor])
      await expect.poll(() => ask(service, "/health/ready")).toMatchObject({ status: 200 });
    const item = JSON.stringify({ to: { client: "over-tls" }, data: "sealed" });
    expect(await ask(receiver, "/v1/notifications", item)).toMatchObject({ status: 202 });
    await expect.poll(async () => (await ask(distributor, "/v1/poll?wait=1")).text).toContain("sealed");
    const { port } = new URL(distributor.url);
    const socket = connectTls({ port: Number(port), host: "127.0.0.1", ca: readFileSync(ours.ca) });
    let said = "";
    socket.on("data", (data: Buffer) => (said += data.toString("latin1")));
    const key = "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    const authorization = `authorization: Bearer ${await stack.token({ client: "over-tls" })}`;
    socket.write(
      `GET /v1/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n${key}${authorization}\r\n\r\n`,
    );
    await expect.poll(() => said).toContain('"type":"live"');
    socket.write(maskedFrame(8, Buffer.from([3, 0xe8])));
    await once(socket, "close");
  });

  test("a client that does not trust it leaves, and a client without TLS gets no answer", async () => {
    await expect(ask(receiver, "/health/live", undefined, theirs.ca)).rejects.toThrow(/certificate/);
    await expect(fetch(`${receiver.url}/health/live`)).rejects.toThrow("fetch failed");
  });
});
