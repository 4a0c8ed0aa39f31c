import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource.js";
import type { ComponentResource, Input, Inputs, Resource } from "@pulumi/pulumi";
import type { KubernetesPlace } from "./place.ts";
import type { Size } from "./settings.ts";

interface Kind {
  apiVersion: string;
  kind: string;
  /** The condition under which it serves. The next step waits for it. */
  serves?: string;
}

/** The resources of the operators, with the members that we use, as the pinned versions define them. */
export const kinds = {
  kafka: { apiVersion: "kafka.strimzi.io/v1", kind: "Kafka", serves: "condition=Ready" },
  kafkaNodePool: { apiVersion: "kafka.strimzi.io/v1", kind: "KafkaNodePool" },
  kafkaUser: { apiVersion: "kafka.strimzi.io/v1", kind: "KafkaUser", serves: "condition=Ready" },
  postgres: { apiVersion: "postgresql.cnpg.io/v1", kind: "Cluster", serves: "condition=Ready" },
  redis: {
    apiVersion: "redis.redis.opstreelabs.in/v1beta2",
    kind: "RedisCluster",
    serves: "jsonpath={.status.state}=Ready",
  },
} satisfies Record<string, Kind>;

export function customResource<Spec extends object>(
  { apiVersion, kind, serves }: Kind,
  name: string,
  spec: { [Key in keyof Spec]: Input<Spec[Key]> },
  {
    place,
    parent,
    labels = {},
    after = [],
    kept = false,
  }: {
    place: KubernetesPlace;
    parent: ComponentResource;
    labels?: Record<string, string>;
    after?: Resource[];
    kept?: boolean;
  },
): CustomResource {
  const metadata = {
    name,
    namespace: place.namespace,
    labels: { ...labels, "app.kubernetes.io/part-of": "saasaparilla-notifications" },
    ...(serves !== undefined && { annotations: { "pulumi.com/waitFor": serves } }),
  };
  const args: ConstructorParameters<typeof CustomResource>[1] & Inputs = { apiVersion, kind, metadata, spec };
  return new CustomResource(`${kind}-${name}`, args, {
    parent,
    dependsOn: [...place.ready, ...after],
    retainOnDelete: kept,
  });
}

export function resourcesOf({ cpu, memoryMib }: Pick<Size, "cpu" | "memoryMib">): Resources {
  const amount = { cpu: String(cpu), memory: `${memoryMib}Mi` };
  // A throttled or evicted store is unavailable, so its requests equal its limits.
  return { requests: amount, limits: amount };
}

export interface Resources {
  requests: { cpu: string; memory: string };
  limits: { cpu: string; memory: string };
}

/** Spreads the pods of one store over nodes and zones, if there are enough. */
export function spread(labels: Record<string, string>): Spread[] {
  return ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: labels },
  }));
}

export interface Spread {
  maxSkew: number;
  topologyKey: string;
  whenUnsatisfiable: "ScheduleAnyway" | "DoNotSchedule";
  labelSelector: { matchLabels: Record<string, string> };
}
