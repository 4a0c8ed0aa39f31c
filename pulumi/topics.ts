import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { epochsSpec, topicSpecs } from "../services/provision/topic-specs.ts";
import { REPLICATION } from "./brokers.ts";
import type { Settings } from "./settings.ts";

export interface Topic {
  partitions: number;
  replicas: number;
  config: Record<string, string>;
}

/** The topics that the provision service creates from these settings. It owns them, and this only asks it. */
export function topicsFor(settings: Settings): Record<string, Topic> {
  const names = topicsOf(settings.namespace);
  const sizes = {
    ACCEPTED_PARTITIONS: settings.acceptedPartitions,
    ROUTED_PARTITIONS: settings.routedPartitions,
    DISPATCH_PARTITIONS: settings.dispatchPartitions,
    ...REPLICATION,
  };
  return Object.fromEntries(
    [...topicSpecs(names, sizes), epochsSpec(names, sizes)].map(({ topic, partitions, replicas, config }) => [
      topic,
      { partitions, replicas, config },
    ]),
  );
}
