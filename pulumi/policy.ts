import { z } from "zod";
import { type Declared, HIDDEN } from "./declared.ts";
import { VOLUME } from "./provisioning.ts";

/** A schema for each kind of resource. The first mismatch is the violation. */
const positive = z.number().positive();
const amounts = z.object({ cpu: z.string().regex(/^[\d.]+$/), memory: z.string().regex(/^\d+Mi$/) });
const resources = z.object({ requests: amounts, limits: amounts });
const dropped = z.object({ drop: z.tuple([z.literal("ALL")]) });
const size = z.string().regex(/^[1-9]\d*Gi$/);
const claim = z.object({ spec: z.object({ resources: z.object({ requests: z.object({ storage: size }) }) }) });

const container = z.object({
  user: z.string().regex(/^[1-9]\d*:[1-9]\d*$/, "runs as root"),
  memory: positive,
  memorySwap: positive,
  cpus: z.string().regex(/^[\d.]+$/),
  capabilities: z.object({ drops: z.tuple([z.literal("ALL")]) }),
  securityOpts: z.array(z.string()).refine((options) => options.includes("no-new-privileges:true")),
  ports: z.never("is published").optional(),
  uploads: z.array(z.object({ permissions: z.literal("0600"), owner: z.string().regex(/^[1-9]/) })),
});
const server = container.extend({
  restart: z.literal("unless-stopped"),
  volumes: z.array(z.object({ volumeName: z.string().min(1) })).length(1, "keeps nothing"),
  healthcheck: z.object({ tests: z.array(z.string()).min(2) }),
});
const once = container.extend({ restart: z.literal("no"), attach: z.literal(true) });

const job = z.object({
  spec: z.object({
    activeDeadlineSeconds: positive,
    template: z.object({
      spec: z.object({
        automountServiceAccountToken: z.literal(false),
        securityContext: z.object({ runAsNonRoot: z.literal(true), seccompProfile: z.object({ type: z.string() }) }),
        containers: z.array(
          z.object({
            resources,
            securityContext: z.object({
              allowPrivilegeEscalation: z.literal(false),
              readOnlyRootFilesystem: z.literal(true),
              capabilities: dropped,
            }),
          }),
        ),
      }),
    }),
  }),
});

const kafka = z.object({
  spec: z.object({
    kafka: z.object({
      listeners: z.array(z.object({ tls: z.literal(true), authentication: z.object({ type: z.string() }) })).min(1),
      authorization: z.object({ type: z.literal("simple") }),
      config: z.object({
        "auto.create.topics.enable": z.literal("false"),
        "default.replication.factor": z.literal("3"),
        "min.insync.replicas": z.literal("2"),
        "offsets.topic.replication.factor": z.literal("3"),
        "unclean.leader.election.enable": z.literal("false"),
      }),
    }),
    entityOperator: z.object({ topicOperator: z.never("would create topics again").optional() }),
  }),
});
const pool = z.object({
  spec: z.object({
    replicas: z.literal(3),
    resources,
    storage: z.object({
      volumes: z.array(z.object({ type: z.literal("persistent-claim"), size, deleteClaim: z.literal(false) })).min(1),
    }),
  }),
});
const postgres = z.object({
  spec: z.object({
    instances: z.number().min(2),
    postgresql: z.object({
      synchronous: z.object({ number: z.number().min(1), dataDurability: z.literal("required") }),
    }),
    storage: z.object({ size }),
    resources,
  }),
});
const role = z.object({
  replicas: z.number().min(1),
  securityContext: z.object({ runAsNonRoot: z.literal(true), capabilities: dropped }),
});
const redis = z.object({
  spec: z.object({
    clusterSize: z.number().min(3),
    persistenceEnabled: z.literal(true),
    podSecurityContext: z.object({ runAsUser: positive }),
    kubernetesConfig: z.object({ resources, redisSecret: z.object({ name: z.string().min(1) }) }),
    TLS: z.object({ secret: z.object({ secretName: z.string().min(1) }) }),
    redisLeader: role,
    redisFollower: role,
    storage: z.object({ keepAfterDelete: z.literal(true), volumeClaimTemplate: claim }),
  }),
});

const topic = z.object({
  replicas: z.literal(3),
  config: z.object({ "min.insync.replicas": z.literal("2"), "retention.ms": z.string().min(1) }),
});

/** The schemas by the last part of the type. */
const schemas: Record<string, z.ZodType> = { Job: job, Kafka: kafka, KafkaNodePool: pool, RedisCluster: redis, topic };

function schemaOf({ type, inputs }: Declared): z.ZodType | undefined {
  if (type === "docker:index/container:Container") return inputs.restart === "no" ? once : server;
  if (type === "kubernetes:postgresql.cnpg.io/v1:Cluster") return postgres;
  return type.startsWith("saasaparilla:") ? undefined : schemas[type.split(":").at(-1)!];
}

/** The permitted places of secrets. There they must be marked as secrets. */
const places: Record<string, string[]> = {
  "docker:index/container:Container": ["uploads"],
  "kubernetes:core/v1:Secret": ["stringData"],
  "tls:index/selfSignedCert:SelfSignedCert": ["privateKeyPem"],
  "tls:index/certRequest:CertRequest": ["privateKeyPem"],
  "tls:index/locallySignedCert:LocallySignedCert": ["caPrivateKeyPem"],
};

/** Whether deleting it deletes data. The schemas keep claims of Kafka and Redis; CloudNativePG deletes its own. */
const data = (one: Declared): boolean =>
  one.type === "kubernetes:postgresql.cnpg.io/v1:Cluster" ||
  (one.type === "docker:index/volume:Volume" && one.name !== VOLUME);

export function violations(declared: Declared[]): string[] {
  return declared.flatMap((one) => {
    const found = schemaOf(one)?.safeParse(one.inputs).error?.issues ?? [];
    return [
      ...found.map(({ path, message }) => `${one.name}: ${path.join(".")}: ${message}`),
      ...(data(one) && !one.kept ? [`${one.name}: its data would be deleted with it`] : []),
      ...leaks(one).map((where) => `${one.name}: ${where}: a secret`),
    ];
  });
}

function leaks({ type, inputs, open }: Declared): string[] {
  const allowed = places[type] ?? [];
  const tells = (value: unknown): boolean => value !== undefined && JSON.stringify(value).includes(HIDDEN);
  return Object.keys(inputs).filter((key) => tells(open[key]) || (!allowed.includes(key) && tells(inputs[key])));
}
