import { all, secret, type Input, type Output } from "@pulumi/pulumi";
import { Kafka } from "./kafka.ts";
import { DockerPlace, KubernetesPlace } from "./place.ts";
import { Postgres } from "./postgres.ts";
import { environmentOf, Provisioning, secretsOf } from "./provisioning.ts";
import { Redis } from "./redis.ts";
import type { Settings } from "./settings.ts";
import { topicsFor, type Topic } from "./topics.ts";
import { chartValues, type ChartValues } from "./values.ts";

export interface Outputs {
  /** The services' settings, by variable, without secrets. */
  environment: Record<string, Input<string>>;
  secrets: Output<Record<string, string>>;
  /** For `helm install --values`. Empty on Docker. */
  values: ChartValues | Record<string, never>;
  topics: Record<string, Topic>;
}

/** All stores of the platform, with its topics and tables. */
export function makeStores(settings: Settings): Outputs {
  const place = settings.target === "docker" ? new DockerPlace(settings) : new KubernetesPlace(settings);
  const kafka = new Kafka(place);
  const stores = [kafka, new Postgres(place), new Redis(place)];
  new Provisioning(place, stores);
  return {
    environment: environmentOf(settings, stores),
    secrets: secret(all(secretsOf(stores))),
    values: settings.target === "kubernetes" ? chartValues(settings, kafka) : {},
    topics: topicsFor(settings),
  };
}
