import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import type { ComponentResource, Output, Resource } from "@pulumi/pulumi";
import { customResource, kinds, resourcesOf, spread, type Resources, type Spread } from "./custom.ts";
import { BROKERS, brokerSettings, REPLICATION, USER } from "./brokers.ts";
import type { KubernetesPlace } from "./place.ts";

const CLUSTER = "notifications";
/** With `username` and `password`. */
export const KAFKA_SECRET = "notifications-kafka-password";
const LABELS = { "strimzi.io/cluster": CLUSTER };

interface NodePoolSpec {
  replicas: number;
  roles: ("broker" | "controller")[];
  storage: {
    type: "jbod";
    volumes: {
      id: number;
      type: "persistent-claim";
      size: string;
      class?: string;
      kraftMetadata?: "shared";
      deleteClaim: false;
    }[];
  };
  resources: Resources;
  template: { pod: { topologySpreadConstraints: Spread[]; terminationGracePeriodSeconds: number } };
}

interface KafkaSpec {
  kafka: {
    version: string;
    metadataVersion: string;
    listeners: { name: string; port: number; type: "internal"; tls: boolean; authentication: { type: string } }[];
    authorization: { type: "simple" };
    config: Record<string, string>;
  };
  entityOperator: { userOperator: { resources: Resources } };
}

type Operation = "All" | "Describe" | "Create";
interface UserSpec {
  authentication: {
    type: "scram-sha-512";
    password: { valueFrom: { secretKeyRef: { name: string; key: string } } };
  };
  authorization: {
    type: "simple";
    acls: {
      resource: { type: "topic" | "group"; name: string; patternType: "prefix" } | { type: "cluster" };
      operations: Operation[];
    }[];
  };
}

/**
 * By Strimzi, which restarts brokers one by one and renews their certificates. Its topic operator is left out. A topic
 * that it created again would begin at offset 0 without a new epoch, so new notifications would be behind cursors.
 */
export function kafkaOnKubernetes(
  place: KubernetesPlace,
  secret: Output<string>,
  parent: ComponentResource,
): { servers: Resource[]; brokers: string[]; authority: { secret: string } } {
  const { settings } = place;
  const pools = [
    pool("controller", { ...settings.kafka, cpu: settings.kafka.cpu / 2, diskGib: 10 }, place, parent),
    pool("broker", settings.kafka, place, parent),
  ];
  const cluster = customResource<KafkaSpec>(
    kinds.kafka,
    CLUSTER,
    {
      kafka: {
        version: "4.3.0",
        metadataVersion: "4.3-IV0",
        listeners: [
          { name: "clients", port: 9093, type: "internal", tls: true, authentication: { type: "scram-sha-512" } },
        ],
        authorization: { type: "simple" },
        config: brokerSettings,
      },
      entityOperator: { userOperator: { resources: resourcesOf({ cpu: 0.2, memoryMib: 512 }) } },
    },
    { place, parent },
  );
  const word = new Secret(
    "kafka-password",
    {
      metadata: { name: KAFKA_SECRET, namespace: place.namespace },
      stringData: { username: USER, password: secret },
    },
    { parent, dependsOn: place.ready },
  );
  const user = customResource<UserSpec>(
    kinds.kafkaUser,
    USER,
    {
      authentication: {
        type: "scram-sha-512",
        password: { valueFrom: { secretKeyRef: { name: KAFKA_SECRET, key: "password" } } },
      },
      authorization: {
        type: "simple",
        acls: [
          { resource: { type: "topic", name: `${settings.namespace}.`, patternType: "prefix" }, operations: ["All"] },
          { resource: { type: "group", name: `${settings.namespace}.`, patternType: "prefix" }, operations: ["All"] },
          { resource: { type: "cluster" }, operations: ["Describe"] },
        ],
      },
    },
    { place, parent, labels: LABELS, after: [word] },
  );
  return {
    servers: [...pools, cluster, word, user],
    brokers: [`${CLUSTER}-kafka-bootstrap.${place.namespace}.svc:9093`],
    authority: { secret: `${CLUSTER}-cluster-ca-cert` },
  };
}

function pool(
  role: "broker" | "controller",
  size: { cpu: number; memoryMib: number; diskGib: number },
  place: KubernetesPlace,
  parent: ComponentResource,
): Resource {
  const { storageClass } = place.settings;
  return customResource<NodePoolSpec>(
    kinds.kafkaNodePool,
    role,
    {
      replicas: role === "broker" ? BROKERS : REPLICATION.REPLICAS,
      roles: [role],
      storage: {
        type: "jbod",
        volumes: [
          {
            id: 0,
            type: "persistent-claim",
            size: `${size.diskGib}Gi`,
            ...(storageClass !== undefined && { class: storageClass }),
            kraftMetadata: "shared",
            deleteClaim: false,
          },
        ],
      },
      resources: resourcesOf(size),
      template: {
        pod: {
          topologySpreadConstraints: spread({ ...LABELS, "strimzi.io/pool-name": role }),
          terminationGracePeriodSeconds: 120,
        },
      },
    },
    { place, parent, labels: LABELS },
  );
}
