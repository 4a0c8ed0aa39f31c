import type { Container } from "@pulumi/docker";
import { interpolate, type ComponentResource, type Output } from "@pulumi/pulumi";
import { RandomId } from "@pulumi/random";
import type { CertificateAuthority } from "./authority.ts";
import { runServer, type Machine } from "./container.ts";
import { BROKERS, brokerSettings, USER } from "./brokers.ts";
import type { Settings } from "./settings.ts";

const FOLDER = "/etc/kafka/secrets";
/** The image's own user, and the path of its settings. */
const UID = 1_000;
const PROPERTIES = "/mnt/shared/config/server.properties";

const nameOf = (node: number): string => `stores-kafka-${node}`;
const nodes = Array.from({ length: BROKERS }, (_, index) => index + 1);

/** Each node is broker and controller. Clients authenticate with a password, and nodes with certificates. */
export function kafkaOnDocker(
  { settings, machine, authority }: { settings: Settings; machine: Machine; authority: CertificateAuthority },
  secret: Output<string>,
  parent: ComponentResource,
): { servers: Container[]; brokers: string[] } {
  const cluster = new RandomId("kafka-cluster", { byteLength: 16 }, { parent }).b64Url;
  const servers = nodes.map((node) => {
    const name = nameOf(node);
    const { certificate, key } = authority.certify(name, [name]);
    return runServer(
      name,
      {
        machine,
        image: settings.kafkaImage,
        uid: UID,
        size: settings.kafka,
        environment: { CLUSTER_ID: cluster, KAFKA_HEAP_OPTS: heap(settings.kafka.memoryMib) },
        files: {
          [PROPERTIES]: secret.apply((word) => properties(node, word)),
          [`${FOLDER}/node.pem`]: interpolate`${key}\n${certificate}`,
          [`${FOLDER}/authority.pem`]: authority.pem,
        },
        data: "/var/lib/kafka/data",
        healthy: ["CMD", "bash", "-c", "</dev/tcp/127.0.0.1/9092"],
        stopSeconds: 60,
        alone: false,
      },
      parent,
    );
  });
  return { servers, brokers: nodes.map((node) => `${nameOf(node)}:9092`) };
}

/** Half of the memory. The other half is for the kernel's page cache, from which consumers read. */
function heap(memoryMib: number): string {
  const half = Math.floor(memoryMib / 2);
  return `-Xms${half}m -Xmx${half}m`;
}

function properties(node: number, word: string): string {
  const lines: Record<string, string> = {
    "process.roles": "broker,controller",
    "node.id": String(node),
    "controller.quorum.voters": nodes.map((each) => `${each}@${nameOf(each)}:9094`).join(","),
    listeners: "CLIENT://:9092,PEER://:9093,CONTROLLER://:9094",
    "advertised.listeners": `CLIENT://${nameOf(node)}:9092,PEER://${nameOf(node)}:9093`,
    "listener.security.protocol.map": "CLIENT:SASL_SSL,PEER:SSL,CONTROLLER:SSL",
    "inter.broker.listener.name": "PEER",
    "controller.listener.names": "CONTROLLER",
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": `${FOLDER}/node.pem`,
    "ssl.truststore.type": "PEM",
    "ssl.truststore.location": `${FOLDER}/authority.pem`,
    "listener.name.peer.ssl.client.auth": "required",
    "listener.name.controller.ssl.client.auth": "required",
    "sasl.enabled.mechanisms": "PLAIN",
    "listener.name.client.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required user_${USER}="${word}";`,
    "log.dirs": "/var/lib/kafka/data",
    ...brokerSettings,
  };
  return `${Object.entries(lines)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n")}\n`;
}
