import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import type { ComponentResource, Output, Resource } from "@pulumi/pulumi";
import { customResource, kinds, resourcesOf, spread, type Resources, type Spread } from "./custom.ts";
import { AUTHORITY, type KubernetesPlace } from "./place.ts";
import { SHARDS } from "./shards.ts";
import type { Authority } from "./store.ts";

const CLUSTER = "notifications-redis";
const CERTIFICATES = "notifications-redis-tls";
const WORD = "notifications-redis-password";

interface Role {
  replicas: number;
  pdb: { enabled: boolean; maxUnavailable: number };
  topologySpreadConstraints: Spread[];
  securityContext: {
    runAsNonRoot: boolean;
    allowPrivilegeEscalation: boolean;
    capabilities: { drop: ["ALL"] };
    seccompProfile: { type: "RuntimeDefault" };
  };
}

interface Claim {
  spec: {
    accessModes: ["ReadWriteOnce"];
    storageClassName?: string;
    resources: { requests: { storage: string } };
  };
}

interface RedisClusterSpec {
  clusterSize: number;
  clusterVersion: "v7";
  persistenceEnabled: boolean;
  podSecurityContext: { runAsUser: number; runAsGroup: number; fsGroup: number };
  kubernetesConfig: {
    image: string;
    resources: Resources;
    redisSecret: { name: string; key: string };
  };
  redisConfig: { maxMemoryPercentOfLimit: number };
  TLS: { ca: string; cert: string; key: string; secret: { secretName: string } };
  redisLeader: Role;
  redisFollower: Role;
  storage: {
    keepAfterDelete: boolean;
    volumeClaimTemplate: Claim;
    nodeConfVolume: boolean;
    nodeConfVolumeClaimTemplate: Claim;
  };
}

/** By the operator of OT-CONTAINER-KIT, which announces names with TLS. It creates no certificates, so we do. */
export function redisOnKubernetes(
  place: KubernetesPlace,
  secret: Output<string>,
  parent: ComponentResource,
): { servers: Resource[]; hosts: string[]; authority: Authority } {
  const { settings, namespace } = place;
  const services = ["leader", "follower"].map((role) => `${CLUSTER}-${role}`);
  const names = services.flatMap((service) => [
    `${service}.${namespace}.svc`,
    `*.${service}-headless.${namespace}.svc`,
    `*.${service}-headless.${namespace}.svc.cluster.local`,
  ]);
  const { certificate, key } = place.authority.certify(CLUSTER, [...names, "localhost"]);
  const certificates = new Secret(
    "redis-certificates",
    {
      metadata: { name: CERTIFICATES, namespace },
      type: "kubernetes.io/tls",
      stringData: { "ca.crt": place.authority.pem, "tls.crt": certificate, "tls.key": key },
    },
    { parent, dependsOn: place.ready },
  );
  const word = new Secret(
    "redis-password",
    { metadata: { name: WORD, namespace }, stringData: { password: secret } },
    { parent, dependsOn: place.ready },
  );
  const cluster = customResource<RedisClusterSpec>(
    kinds.redis,
    CLUSTER,
    {
      clusterSize: SHARDS,
      clusterVersion: "v7",
      persistenceEnabled: true,
      podSecurityContext: { runAsUser: 1_000, runAsGroup: 1_000, fsGroup: 1_000 },
      kubernetesConfig: {
        image: "quay.io/opstree/redis:v7.0.15",
        resources: resourcesOf(settings.redis),
        redisSecret: { name: WORD, key: "password" },
      },
      redisConfig: { maxMemoryPercentOfLimit: 50 },
      TLS: { ca: "ca.crt", cert: "tls.crt", key: "tls.key", secret: { secretName: CERTIFICATES } },
      redisLeader: role("leader"),
      redisFollower: role("follower"),
      storage: {
        keepAfterDelete: true,
        volumeClaimTemplate: claim(settings.redis.diskGib, settings.storageClass),
        nodeConfVolume: true,
        nodeConfVolumeClaimTemplate: claim(1, settings.storageClass),
      },
    },
    { place, parent, after: [certificates, word] },
  );
  return {
    servers: [certificates, word, cluster],
    hosts: [`${CLUSTER}-leader.${namespace}.svc`],
    authority: { secret: AUTHORITY },
  };
}

function role(name: "leader" | "follower"): Role {
  return {
    replicas: SHARDS,
    pdb: { enabled: true, maxUnavailable: 1 },
    topologySpreadConstraints: spread({ app: `${CLUSTER}-${name}` }),
    securityContext: {
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" },
    },
  };
}

function claim(gib: number, storageClass: string | undefined): Claim {
  return {
    spec: {
      accessModes: ["ReadWriteOnce"],
      ...(storageClass !== undefined && { storageClassName: storageClass }),
      resources: { requests: { storage: `${gib}Gi` } },
    },
  };
}
