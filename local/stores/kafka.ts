import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import type { Backing } from "./backing-service.ts";
import { java } from "./java.ts";
import { hasCode, paths } from "#local/process/paths.ts";
import { port } from "#local/process/ports.ts";
import type { Command } from "#local/process/processes.ts";
import { ask, runTool } from "#local/process/run-tool.ts";
import { downloaded } from "./software.ts";
import { UserError } from "#local/process/user-error.ts";

const VERSION = "4.4.0";
const data = join(paths.data, "kafka");

/** Kafka in KRaft mode: one process is broker and controller. */
export const kafka: Backing = {
  name: "kafka",
  label: "Kafka",
  variable: "KAFKA_BROKERS",
  ports: ["KAFKA_PORT", "KAFKA_CONTROLLER_PORT"],
  stopSignal: "SIGTERM",
  url: () => `127.0.0.1:${port("KAFKA_PORT")}`,
  command: () => kafkaIn(data, port("KAFKA_PORT"), port("KAFKA_CONTROLLER_PORT")),
  answers,
};

/** One member of a cluster: each is broker and controller. */
export interface Member {
  cluster: string;
  /** The member's number, from 1. */
  node: number;
  /** The port of each member's controller. */
  controllers: readonly number[];
}

/** A Kafka with a separate data folder and ports, because a battery of faults needs a server without other users. */
export async function kafkaIn(
  folder: string,
  broker: number,
  controller: number,
  member: Member = { cluster: id(), node: 1, controllers: [controller] },
): Promise<Command> {
  const runtime = await java();
  const jars = await kafkaJars();
  const config = format(folder, broker, member);
  return {
    file: runtime.file,
    args: [
      "-Xms128m",
      // Several members share the memory.
      member.controllers.length > 1 ? "-Xmx256m" : "-Xmx384m",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-XX:+ExitOnOutOfMemoryError",
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
      "-Dorg.slf4j.simpleLogger.showDateTime=true",
      "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
      "-cp",
      `${jars}/*`,
      "kafka.Kafka",
      config,
    ],
  };
}

export async function kafkaJars(): Promise<string> {
  return downloaded(`kafka-${VERSION}`, `Kafka ${VERSION} (43 MB)`, async (into) =>
    fetchJars(into, (await java()).home),
  );
}

async function fetchJars(folder: string, javaHome: string | undefined): Promise<void> {
  if ((await ask("mvn", ["--version"], withJava(javaHome))) === undefined) {
    throw new UserError(
      "Maven is needed to fetch Kafka, but mvn does not work here.",
      "Install it (Debian: apt-get install maven), or set KAFKA_BROKERS to a running Kafka.",
    );
  }
  const pom = join(import.meta.dirname, "kafka/pom.xml");
  await runTool("mvn", ["-B", "-q", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${folder}`], {
    log: "maven",
    fix: "Kafka's jars could not be fetched: is there a network?",
    env: withJava(javaHome),
  });
}

const withJava = (home: string | undefined): NodeJS.ProcessEnv => ({
  ...process.env,
  ...(home !== undefined && { JAVA_HOME: home }),
});

/** Like Kafka's own ids, none begins with "-": a command would read that as an option. */
function id(): string {
  const random = randomBytes(16).toString("base64url");
  return random.startsWith("-") ? id() : random;
}

/** Writes the files of Kafka's own format tool once, and the configuration at each start: ports may have changed. */
function format(folder: string, broker: number, { cluster, node, controllers }: Member): string {
  mkdirSync(folder, { recursive: true });
  const meta = `version=1\ncluster.id=${cluster}\nnode.id=${node}\ndirectory.id=${id()}\n`;
  try {
    writeFileSync(join(folder, "meta.properties"), meta, { flag: "wx" });
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  }
  const config = `${folder}.properties`;
  const copies = Math.min(3, controllers.length);
  const inSync = Math.min(2, copies);
  const settings = {
    "process.roles": "broker,controller",
    "node.id": node,
    "controller.quorum.voters": controllers.map((port, index) => `${index + 1}@127.0.0.1:${port}`).join(","),
    listeners: `PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controllers[node - 1]}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${broker}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": folder,
    // Provision makes the topics, with the partitions that the protocol relies on. A topic made by accident has others.
    "auto.create.topics.enable": false,
    "message.max.bytes": 2 * 1024 * 1024,
    "replica.fetch.max.bytes": 2 * 1024 * 1024,
    // One node cannot hold a copy. With three, one may be down.
    "default.replication.factor": copies,
    "min.insync.replicas": inSync,
    "offsets.topic.replication.factor": copies,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": copies,
    "transaction.state.log.min.isr": inSync,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": copies,
    "share.coordinator.state.topic.min.isr": inSync,
    "share.coordinator.state.topic.num.partitions": 1,
    // A replaced member is noticed at once, and in tests within a second.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    // After kill -9 the broker cannot return until its own old registration has expired.
    "broker.session.timeout.ms": 5000,
    "broker.heartbeat.interval.ms": 1000,
    // For many small partitions on a small machine.
    "log.segment.bytes": 64 * 1024 * 1024,
    "log.index.size.max.bytes": 1024 * 1024,
    "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.recovery.threads.per.data.dir": 2,
  };
  writeFileSync(
    config,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(""),
  );
  return config;
}

async function answers(brokers: string): Promise<void> {
  const admin = new Kafka({
    brokers: brokers.split(","),
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1000,
    requestTimeout: 3000,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    // An open port is not enough: a broker is listed only after the controller has registered it.
    if (cluster.brokers.length === 0) throw new Error("no broker is registered yet");
  } finally {
    await admin.disconnect();
  }
}
