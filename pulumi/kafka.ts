import { ComponentResource, output, type Input, type Output, type Resource } from "@pulumi/pulumi";
import { USER } from "./brokers.ts";
import { kafkaOnDocker } from "./kafka-docker.ts";
import { kafkaOnKubernetes } from "./kafka-kubernetes.ts";
import type { Place } from "./place.ts";
import { password } from "./secrets.ts";
import { FOLDER, type Authority, type Store } from "./store.ts";

/** Three brokers, TLS, and one user with the rights that the platform needs. */
export class Kafka extends ComponentResource implements Store {
  readonly name = "kafka";
  readonly settings: Record<string, Input<string>>;
  readonly secrets: Record<string, Output<string>>;
  readonly authority: Authority;
  readonly servers: Resource[];

  constructor(place: Place) {
    super("saasaparilla:Kafka", "kafka", {}, { parent: place });
    const secret = password("kafka", this);
    const { servers, brokers, sasl, authority } =
      place.target === "docker"
        ? {
            ...kafkaOnDocker(place, secret, this),
            sasl: "plain",
            authority: { pem: place.authority.pem },
          }
        : { ...kafkaOnKubernetes(place, secret, this), sasl: "scram-sha-512" };
    this.servers = servers;
    this.settings = {
      KAFKA_BROKERS: brokers.join(","),
      KAFKA_TLS: "true",
      KAFKA_CA: `${FOLDER}/kafka/ca.crt`,
      KAFKA_SASL: sasl,
      KAFKA_USERNAME: USER,
    };
    this.secrets = { KAFKA_PASSWORD: output(secret) };
    this.authority = authority;
    this.registerOutputs({ settings: this.settings });
  }
}
