import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { z } from "zod";
import platform from "../package.json" with { type: "json" };

const count = z.coerce.number().int().min(1);

/** What each server of a store has. */
const size = (cpu: number, memoryMib: number, diskGib: number) =>
  z
    .strictObject({ cpu: z.number().positive(), memoryMib: count.min(128), diskGib: count })
    .default({ cpu: cpu, memoryMib, diskGib });

/** What `pulumi config set` may say, and what holds where it says nothing. Sizes for a load: docs/guides/sizing.md. */
export const settings = z.strictObject({
  target: z.enum(["kubernetes", "docker"]),
  /** Prefix of topics and groups, name of the database and its schema: the platform's own NAMESPACE. */
  namespace: commonSettings.shape.NAMESPACE,
  /** The platform's image: its provision service makes topics and tables. */
  image: z.string().default(`saasaparilla/notifications:${platform.version}`),

  acceptedPartitions: count.max(10_000).default(12),
  routedPartitions: count.max(65_535).default(16),
  dispatchPartitions: count.max(10_000).default(12),
  storedPartitions: count.max(1_024).default(8),
  tenants: z.string().default(""),

  kafka: size(1, 2_048, 50),
  postgres: size(1, 2_048, 20),
  redis: size(0.5, 512, 2),
  /** Besides the primary. One is written to before a commit is answered. On Docker there is none: one machine is one machine. */
  postgresReplicas: z.coerce.number().int().min(1).max(8).default(2),

  /** 8 for each director, distributor, courier, dispatcher and recorder, one for each receiver: docs/guides/sizing.md. Past some hundreds a pooler stands before it. */
  postgresConnections: count.max(5_000).default(200),

  /** Kubernetes: where all of it lives, the platform too, so that it can read its secrets. */
  kubernetesNamespace: z.string().default("notifications"),
  /** Kubernetes: false where the cluster has the three operators already. */
  installOperators: z.stringbool().default(true),
  storageClass: z.string().optional(),

  /** Docker: the network that is made, with addresses that last: Redis' nodes know each other by them. */
  subnet: z.cidrv4().default("10.213.0.0/24"),
  kafkaImage: z.string().default("apache/kafka:4.4.0"),
  postgresImage: z.string().default("postgres:18.4-bookworm"),
  redisImage: z.string().default("valkey/valkey:9.1.2"),
});

export type Settings = z.output<typeof settings>;
export type Size = Settings["kafka"];

/** `get` is that of Pulumi's configuration, where each value is a text; what is a mapping there comes as JSON. */
export function readSettings(get: (name: string) => string | undefined): Settings {
  const said = Object.entries(settings.shape).flatMap(([name]) => {
    const text = get(name);
    if (text === undefined) return [];
    return [[name, text.startsWith("{") ? (JSON.parse(text) as unknown) : text]];
  });
  const result = settings.safeParse(Object.fromEntries(said));
  if (result.success) return result.data;
  const wrong = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new Failure("fatal", `Wrong settings. ${wrong.join("; ")}. Correct them by: pulumi config set NAME VALUE`);
}
