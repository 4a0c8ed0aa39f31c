import { readFileSync } from "node:fs";
import { z } from "zod";
import { isKeysAddress } from "./access-rows.ts";
import { ENVIRONMENT_FORM } from "./api-keys.ts";
import { Failure, messageOf } from "./errors.ts";
import { kafkaSettings } from "./kafka-address.ts";
import { isOrigin } from "./origin.ts";
import { secretsKey } from "./secrets.ts";
import { TOKEN_MAX_SECONDS } from "./token-times.ts";

/** Addresses and networks, with commas between them. */
const networks = z
  .string()
  .default("")
  .transform((list) => list.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()])))
  .pipe(z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])));

/** What faces out, of every service. */
export const serverSettings = z.object({
  /** A file: our certificate. With it and its key the port speaks TLS, and nothing else. */
  TLS_CERT: z.string().min(1).optional(),
  /** The file of its key. */
  TLS_KEY: z.string().min(1).optional(),
  /** A body that is not all there by then is given up: however slowly it comes, it keeps its place for no longer. */
  BODY_MS: z.coerce.number().int().min(100).default(30_000),
  /** Sockets that come from one address in a second. Proxies of ours open as many as they like. */
  SOCKET_RATE: z.coerce.number().min(1).default(1_000),
  /** As many at once, after a rest. */
  SOCKET_BURST: z.coerce.number().int().min(1).default(10_000),
  /** Requests that are refused to one address in a second; over it, nothing that it sends is looked at. */
  REFUSED_RATE: z.coerce.number().min(0.001).default(20),
  /** As many at once, after a rest. */
  REFUSED_BURST: z.coerce.number().int().min(1).default(1_000),
  /** Origins whose pages may call from a browser, for every tenant: https://app.example.com, with commas between them. A host of this machine may have an asterisk in place of its port. A tenant's document names its own. */
  ALLOWED_ORIGINS: z
    .string()
    .default("")
    .transform((list) => list.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()])))
    .pipe(z.array(z.string().refine(isOrigin, "an origin, as https://app.example.com"))),
  /** Addresses and networks of our own proxies, with commas between them: whom they name in X-Forwarded-For is the caller. */
  TRUSTED_PROXIES: networks,
});

/** The same of a service on Node. The socket library has its own times. */
export const nodeServerSettings = serverSettings.extend({
  /** An idle connection is ended after so long. A load balancer's own time for idle connections should be shorter, so that it closes first: docs/guides/proxies.md. */
  KEEP_ALIVE_MS: z.coerce.number().int().min(1_000).max(3_600_000).default(75_000),
  /** A head that is not complete after so long is answered 408; looked at once a second. */
  HEAD_MS: z.coerce.number().int().min(1_000).max(600_000).default(10_000),
});

/** Where Kafka, Postgres and Redis are. */
export const storeSettings = z.object({
  ...kafkaSettings.shape,
  /** With ?sslmode=verify-full, and &sslrootcert=<file>, over TLS; &sslcert= and &sslkey= where it asks for a certificate of ours. */
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  /** One, or some nodes of a Redis Cluster with commas between them. */
  REDIS_URL: z
    .string()
    .transform((list) => list.split(",").map((url) => url.trim()))
    .pipe(z.array(z.url({ protocol: /^rediss?$/ }))),
  /** A Redis Cluster that is known by one address. */
  REDIS_CLUSTER: z.stringbool().default(false),
  /** A file, for rediss: whose certificates it has, where not one that Node knows. */
  REDIS_CA: z.string().min(1).optional(),
  /** A file: our own certificate, where it asks for one. */
  REDIS_CERT: z.string().min(1).optional(),
  /** The file of its key. */
  REDIS_KEY: z.string().min(1).optional(),
});

/** What every service reads from the environment. A wrong value stops the start with the variable's name and a fix. */
export const commonSettings = z.object({
  /** Prefix of topics, groups and Redis keys, and the Postgres schema: several platforms share one set of stores. */
  NAMESPACE: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,40}$/, "lower-case letters, digits and _, at most 41, a letter first")
    .default("notifications"),
  ...storeSettings.shape,
  /** The address that it listens on. */
  HOST: z.string().default("0.0.0.0"),
  /** The port that it listens on. */
  PORT: z.coerce.number().int().min(0).max(65535),
  ...serverSettings.shape,
  /** What is less than this is not logged. */
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal"]).default("info"),
  /** Milliseconds from SIGTERM until the process ends, at most. */
  SHUTDOWN_MS: z.coerce.number().int().min(0).default(20_000),
});

/** Who may call: tokens are JWTs signed by a key of this JWKS, which is the platform's own; those of tenants stand in Postgres. */
export const identitySettings = z.object({
  /** A file's path or an https URL of the JSON Web Key Set (RFC 7517) with the public keys; a file is read again every 30 s, an address asked every 10 min. */
  AUTH_JWKS: z
    .string()
    .min(1)
    .refine((place) => !/^https?:/i.test(place) || isKeysAddress(place), "a file's path, or an https URL"),
  /** Private addresses and networks that key sets may be fetched from, with commas between them: 10.0.0.0/8. All others must be public, for tenants' issuers too. */
  AUTH_PRIVATE_NETWORKS: networks,
  /** The claim `iss` of the platform's own tokens. */
  AUTH_ISSUER: z.string().min(1),
  /** The claim `aud` that a token for this platform has. */
  AUTH_AUDIENCE: z.string().min(1).default("notifications"),
  /** Seconds from iat to exp, at most; a token that is valid for longer is refused. */
  TOKEN_MAX_SECONDS: z.coerce.number().int().min(60).default(TOKEN_MAX_SECONDS),
  /** Seals the secrets of HS256 issuers in Postgres: 32 bytes in base64 (openssl rand -base64 32). Several, with commas between them: the first seals, all open. Without it, no such issuer can be written. */
  SECRETS_KEY: secretsKey,
  /** The environment that API keys name: ssp_live_..., ssp_test_... A key that names another one is refused. */
  KEY_ENVIRONMENT: z
    .string()
    .regex(ENVIRONMENT_FORM, "a lower-case letter, then at most 15 lower-case letters and digits")
    .default("live"),
  /** Of attempts that are not in the audit log yet, at most. */
  AUDIT_MAX_BYTES: z.coerce
    .number()
    .int()
    .min(1_024)
    .default(16 << 20),
  /** So often it is asked in Postgres what has changed of who may do what. */
  ACCESS_REFRESH_MS: z.coerce.number().int().min(50).max(30_000).default(5_000),
});

/** The settings of this process; where one is wrong, one line says which, and the process ends. */
export function loadSettings<S extends z.ZodObject>(schema: S): z.output<S> {
  try {
    return readSettings(schema, process.env);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

export function readSettings<S extends z.ZodObject>(schema: S, env: NodeJS.ProcessEnv): z.output<S> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  for (const name of Object.keys(schema.shape)) present[name] ??= fromFile(`${name}_FILE`, present);
  const result = schema.safeParse(present);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return `${name}: ${present[name] === undefined ? "is not set" : `${issue.message}, not ${JSON.stringify(shown(name, present[name]))}`}`;
  });
  throw new Failure(
    "fatal",
    `Wrong settings. ${lines.join("; ")}. Set the named environment variables and start again.`,
  );
}

/** What is secret is better in a file than in an environment, which everybody prints: REDIS_URL_FILE names one with what REDIS_URL would be. */
function fromFile(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const path = env[name];
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch (error) {
    throw new Failure("fatal", `Wrong settings. ${name}: ${path} cannot be read: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}

/** A URL may carry a password: it is never printed. */
function shown(name: string, value: string): string {
  return /URL|SECRET|PASSWORD|TOKEN/.test(name) ? "(hidden)" : value;
}
