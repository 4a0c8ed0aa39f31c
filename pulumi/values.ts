import type { Input } from "@pulumi/pulumi";
import { REPLICATION } from "./brokers.ts";
import { KAFKA_SECRET } from "./kafka-kubernetes.ts";
import { AUTHORITY } from "./place.ts";
import { SECRET } from "./provisioning.ts";
import type { Settings } from "./settings.ts";
import type { Store } from "./store.ts";

/** Values of charts/saasaparilla-notifications for the stores. They name secrets, and contain none. */
export function chartValues(settings: Settings, kafka: Store) {
  const bundled = { enabled: false };
  return {
    platform: {
      namespace: settings.namespace,
      acceptedPartitions: settings.acceptedPartitions,
      dispatchPartitions: settings.dispatchPartitions,
      slots: settings.routedPartitions,
      storedPartitions: settings.storedPartitions,
      replicas: REPLICATION.REPLICAS,
      minInSync: REPLICATION.MIN_INSYNC,
    },
    kafka: {
      bundled,
      brokers: kafka.settings.KAFKA_BROKERS!,
      tls: { enabled: true, existingSecret: "secret" in kafka.authority ? kafka.authority.secret : "" },
      sasl: { mechanism: kafka.settings.KAFKA_SASL!, existingSecret: KAFKA_SECRET },
    },
    postgres: { bundled, existingSecret: SECRET, tlsSecret: AUTHORITY },
    redis: { bundled, existingSecret: SECRET, cluster: true, tlsSecret: AUTHORITY },
    // By pods: in some networks, a range of addresses matches only hosts outside the cluster.
    networkPolicy: { stores: [{ podSelector: {} }], storePorts: [5_432, 6_379, 9_093] },
  } satisfies Record<string, Record<string, Input<unknown>>>;
}

export type ChartValues = ReturnType<typeof chartValues>;
