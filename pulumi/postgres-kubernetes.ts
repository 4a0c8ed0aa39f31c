import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import type { ComponentResource, Output, Resource } from "@pulumi/pulumi";
import { customResource, kinds, resourcesOf, spread, type Resources, type Spread } from "./custom.ts";
import { AUTHORITY, type KubernetesPlace } from "./place.ts";
import type { Authority } from "./store.ts";

const CLUSTER = "notifications-postgres";
const CERTIFICATES = "notifications-postgres-tls";

interface ClusterSpec {
  instances: number;
  imageName: string;
  primaryUpdateStrategy: "unsupervised";
  certificates: { serverCASecret: string; serverTLSSecret: string };
  bootstrap: { initdb: { database: string; owner: string; secret: { name: string } } };
  postgresql: {
    synchronous: { method: "any"; number: number; dataDurability: "required"; failoverQuorum: boolean };
    parameters: Record<string, string>;
  };
  storage: { size: string; storageClass?: string };
  resources: Resources;
  topologySpreadConstraints: Spread[];
}

/**
 * By CloudNativePG. A committed notification counts as settled, and Kafka forgets it. So a commit is answered once a
 * replica has it, and only a replica that has it takes over.
 */
export function postgresOnKubernetes(
  place: KubernetesPlace,
  secret: Output<string>,
  parent: ComponentResource,
): { server: Resource; host: string; authority: Authority } {
  const { settings } = place;
  const { storageClass } = settings;
  const owner = "notifications-postgres-owner";
  const word = new Secret(
    "postgres-password",
    {
      metadata: { name: owner, namespace: place.namespace },
      type: "kubernetes.io/basic-auth",
      stringData: { username: settings.namespace, password: secret },
    },
    { parent, dependsOn: place.ready },
  );
  const host = `${CLUSTER}-rw.${place.namespace}.svc`;
  const { certificate, key } = place.authority.certify(CLUSTER, [
    host,
    `${CLUSTER}-rw`,
    `${CLUSTER}-r`,
    `${CLUSTER}-ro`,
  ]);
  const certificates = new Secret(
    "postgres-certificates",
    {
      metadata: { name: CERTIFICATES, namespace: place.namespace, labels: { "cnpg.io/reload": "true" } },
      type: "kubernetes.io/tls",
      stringData: { "tls.crt": certificate, "tls.key": key },
    },
    { parent, dependsOn: place.ready },
  );
  const server = customResource<ClusterSpec>(
    kinds.postgres,
    CLUSTER,
    {
      instances: 1 + settings.postgresReplicas,
      imageName: "ghcr.io/cloudnative-pg/postgresql:18",
      primaryUpdateStrategy: "unsupervised",
      // The operator would keep its own authority and the private key in one secret.
      certificates: { serverCASecret: AUTHORITY, serverTLSSecret: CERTIFICATES },
      bootstrap: { initdb: { database: settings.namespace, owner: settings.namespace, secret: { name: owner } } },
      postgresql: {
        synchronous: { method: "any", number: 1, dataDurability: "required", failoverQuorum: true },
        parameters: {
          max_connections: String(settings.postgresConnections),
          shared_buffers: `${Math.floor(settings.postgres.memoryMib / 4)}MB`,
        },
      },
      storage: {
        size: `${settings.postgres.diskGib}Gi`,
        ...(storageClass !== undefined && { storageClass }),
      },
      resources: resourcesOf(settings.postgres),
      topologySpreadConstraints: spread({ "cnpg.io/cluster": CLUSTER }),
    },
    // The operator deletes the volumes of a deleted cluster.
    { place, parent, after: [word, certificates], kept: true },
  );
  return { server, host, authority: { secret: AUTHORITY } };
}
