import { z } from "zod";
import { kafkaSettings } from "#kafka/settings.ts";
import { serverSettings } from "#http/settings.ts";
import { tracingSettings } from "#tracing/settings.ts";

/** The addresses of Kafka, Postgres and Redis. */
export const storeSettings = z.object({
  ...kafkaSettings.shape,
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).meta({
    description:
      "Address of Postgres. For TLS add ?sslmode=verify-full and &sslrootcert=<file>. If the server asks for a client certificate, add &sslcert= and &sslkey=.",
  }),
  REDIS_URL: z
    .string()
    .transform((list) => list.split(",").map((url) => url.trim()))
    .pipe(z.array(z.url({ protocol: /^rediss?$/ })))
    .meta({ description: "Address of Redis. For a Redis Cluster, some of its nodes, separated by commas." }),
  REDIS_CLUSTER: z
    .stringbool()
    .default(false)
    .meta({ description: "Set true if the one address in REDIS_URL is a Redis Cluster." }),
  REDIS_CA: z
    .string()
    .min(1)
    .optional()
    .meta({ description: "A file with the certificate authorities for rediss, if Node does not know them." }),
  REDIS_CERT: z
    .string()
    .min(1)
    .optional()
    .meta({ description: "A file with the client certificate, if Redis asks for one." }),
  REDIS_KEY: z.string().min(1).optional().meta({ description: "The file of its private key." }),
});

/**
 * Settings that every service reads from the environment. A wrong value stops the start with the setting's name and a
 * fix.
 */
export const commonSettings = z.object({
  NAMESPACE: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,40}$/, "lower-case letters, digits and _, at most 41, a letter first")
    .default("notifications")
    .meta({
      description:
        "Prefix of topics, groups and Redis keys, and the Postgres schema. So several platforms can share one set of stores.",
    }),
  ...storeSettings.shape,
  HOST: z.string().default("0.0.0.0").meta({ description: "The address that the service listens on." }),
  PORT: z.coerce.number().int().min(0).max(65535).meta({ description: "The port that the service listens on." }),
  ...serverSettings.shape,
  ...tracingSettings.shape,
  LOG_LEVEL: z
    .enum(["trace", "debug", "info", "warn", "error", "fatal"])
    .default("info")
    .meta({ description: "The lowest level that is logged." }),
  SHUTDOWN_MS: z.coerce
    .number()
    .int()
    .min(0)
    .default(20_000)
    .meta({ description: "The most ms from SIGTERM until the process ends." }),
});
