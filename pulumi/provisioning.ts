import { Volume } from "@pulumi/docker";
import { Job } from "@pulumi/kubernetes/batch/v1/job.js";
import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import { ComponentResource, type Input, type Output, type Resource } from "@pulumi/pulumi";
import { REPLICATION } from "./brokers.ts";
import { runOnce } from "./container.ts";
import { resourcesOf } from "./custom.ts";
import type { DockerPlace, KubernetesPlace, Place } from "./place.ts";
import type { Settings } from "./settings.ts";
import { FOLDER, type Store } from "./store.ts";

/** It has every secret setting of the services, under its variable's name. The chart refers to it. */
export const SECRET = "notifications-stores";
/** Docker: the volume with FOLDER, including secrets. compose/pulumi.yaml mounts it into the services. */
export const VOLUME = "saasaparilla-stores";
const UID = 10_001;
const size = { cpu: 0.5, memoryMib: 256 };

/**
 * Topics and tables, by the provision service. Only it creates them, because a re-created topic is a new epoch. You can
 * repeat it, and changed settings run it again. It adds no partition to accepted: docs/operations/epochs.md.
 */
export class Provisioning extends ComponentResource {
  constructor(place: Place, stores: (Store & ComponentResource)[]) {
    super("saasaparilla:Provisioning", "provisioning", {}, { parent: place });
    if (place.target === "docker") onDocker(place, stores, this);
    else onKubernetes(place, stores, this);
    this.registerOutputs({});
  }
}

/** Compose and the chart give the same sizes to their own run of it. Different ones would overwrite each other. */
function sizes(settings: Settings): Record<string, string> {
  return {
    NAMESPACE: settings.namespace,
    ACCEPTED_PARTITIONS: String(settings.acceptedPartitions),
    ROUTED_PARTITIONS: String(settings.routedPartitions),
    DISPATCH_PARTITIONS: String(settings.dispatchPartitions),
    STORED_PARTITIONS: String(settings.storedPartitions),
    REPLICAS: String(REPLICATION.REPLICAS),
    MIN_INSYNC: String(REPLICATION.MIN_INSYNC),
    ...(settings.tenants !== "" && { TENANTS: settings.tenants }),
  };
}

/** Every variable without a secret. On Docker, secrets are in files that variables name. */
export function environmentOf(settings: Settings, stores: Store[]): Record<string, Input<string>> {
  const plain = Object.assign(sizes(settings), ...stores.map((store) => store.settings)) as Record<
    string,
    Input<string>
  >;
  if (settings.target === "kubernetes") return plain;
  const files = Object.keys(secretsOf(stores)).map((name) => [`${name}_FILE`, fileOf(name)]);
  return { ...plain, ...(Object.fromEntries(files) as Record<string, string>) };
}

export function secretsOf(stores: Store[]): Record<string, Output<string>> {
  return Object.assign({}, ...stores.map(({ secrets }) => secrets)) as Record<string, Output<string>>;
}

const fileOf = (name: string): string => `${FOLDER}/${name}`;

function onDocker(place: DockerPlace, stores: (Store & Resource)[], parent: Resource): void {
  const { machine, settings } = place;
  const volume = new Volume(VOLUME, { name: VOLUME }, { parent });
  const authorities = stores.flatMap(({ name, authority }) =>
    "pem" in authority ? [[`${FOLDER}/${name}/ca.crt`, authority.pem] as const] : [],
  );
  const secrets = Object.entries(secretsOf(stores)).map(([name, value]) => [fileOf(name), value] as const);
  runOnce(
    "stores-provision",
    {
      machine,
      image: settings.image,
      uid: UID,
      size,
      command: ["provision"],
      environment: environmentOf(settings, stores),
      files: Object.fromEntries([...authorities, ...secrets]),
      volumes: [{ volumeName: volume.name, containerPath: FOLDER }],
    },
    parent,
    stores,
  );
}

function onKubernetes(place: KubernetesPlace, stores: (Store & Resource)[], parent: Resource): void {
  const { settings, namespace, ready } = place;
  const secret = new Secret(
    SECRET,
    { metadata: { name: SECRET, namespace }, stringData: secretsOf(stores) },
    { parent, dependsOn: ready },
  );
  const sources = stores.flatMap(({ name, authority }) =>
    "secret" in authority
      ? [{ secret: { name: authority.secret, items: [{ key: "ca.crt", path: `${name}/ca.crt` }] } }]
      : [],
  );
  const told = environmentOf(settings, stores);
  new Job(
    "notifications-provision",
    {
      metadata: { namespace },
      spec: {
        backoffLimit: 3,
        activeDeadlineSeconds: 600,
        template: {
          spec: {
            restartPolicy: "Never",
            automountServiceAccountToken: false,
            securityContext: {
              runAsNonRoot: true,
              runAsUser: UID,
              runAsGroup: UID,
              seccompProfile: { type: "RuntimeDefault" },
            },
            containers: [
              {
                name: "provision",
                image: settings.image,
                args: ["provision"],
                env: Object.entries(told).map(([name, value]) => ({ name, value })),
                envFrom: [{ secretRef: { name: SECRET } }],
                resources: resourcesOf(size),
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { drop: ["ALL"] },
                },
                volumeMounts: [{ name: "stores", mountPath: FOLDER, readOnly: true }],
              },
            ],
            volumes: [{ name: "stores", projected: { sources } }],
          },
        },
      },
    },
    { parent, dependsOn: [secret, ...stores], deleteBeforeReplace: true },
  );
}
