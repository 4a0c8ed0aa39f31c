import { ComponentResource, type Input, type Output, type Resource } from "@pulumi/pulumi";
import type { Place } from "./place.ts";
import { redisOnDocker } from "./redis-docker.ts";
import { redisOnKubernetes } from "./redis-kubernetes.ts";
import { password } from "./secrets.ts";
import { FOLDER, type Authority, type Store } from "./store.ts";

/** A Redis Cluster with TLS and one password. */
export class Redis extends ComponentResource implements Store {
  readonly name = "redis";
  readonly settings: Record<string, Input<string>>;
  readonly secrets: Record<string, Output<string>>;
  readonly authority: Authority;
  readonly servers: Resource[];

  constructor(place: Place) {
    super("saasaparilla:Redis", "redis", {}, { parent: place });
    const secret = password("redis", this);
    const { servers, hosts, authority } =
      place.target === "docker" ? redisOnDocker(place, secret, this) : redisOnKubernetes(place, secret, this);
    this.servers = servers;
    this.settings = { REDIS_CLUSTER: "true", REDIS_CA: `${FOLDER}/redis/ca.crt` };
    this.secrets = {
      REDIS_URL: secret.apply((word) => hosts.map((host) => `rediss://:${word}@${host}:6379`).join(",")),
    };
    this.authority = authority;
    this.registerOutputs({ settings: this.settings });
  }
}
