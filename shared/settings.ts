import { readFileSync } from "node:fs";
import { z } from "zod";
import { isKeysAddress } from "./access-rows.ts";
import { ENVIRONMENT_FORM } from "./api-keys.ts";
import { Failure, messageOf } from "./errors.ts";
import { kafkaSettings } from "./kafka-address.ts";
import { isTooWide } from "./networks.ts";
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
  /** A file with the certificate of this service. With it and TLS_KEY the port speaks only TLS. */
  TLS_CERT: z.string().min(1).optional(),
  /** The file of its private key. */
  TLS_KEY: z.string().min(1).optional(),
  /** A request body must be complete after so many ms, however slowly it comes. Otherwise the request is given up. */
  BODY_MS: z.coerce.number().int().min(100).default(30_000),
  /** Sockets a second that one address may open. Your own proxies may open any number. */
  SOCKET_RATE: z.coerce.number().min(1).default(1_000),
  /** Sockets that one address may open at once, after a rest. */
  SOCKET_BURST: z.coerce.number().int().min(1).default(10_000),
  /** Refused requests a second of one address. Above it, only known tokens and API keys pass, and new tokens as far as ADDRESS_CHECKS allows their check. */
  REFUSED_RATE: z.coerce.number().min(0.001).default(20),
  /** Refused requests at once, after a rest. */
  REFUSED_BURST: z.coerce.number().int().min(1).default(1_000),
  /** Failed signature checks a second for one address above REFUSED_RATE. So a new good token still gets in from there. All such addresses together may cause ten times as many. */
  ADDRESS_CHECKS: z.coerce.number().min(0.001).default(100),
  /** Origins whose pages may call for every tenant, with commas between them: https://app.example.com. For a host of this machine, the port may be an asterisk. A tenant's document can name further ones. */
  ALLOWED_ORIGINS: z
    .string()
    .default("")
    .transform((list) => list.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()])))
    .pipe(z.array(z.string().refine(isOrigin, "an origin, as https://app.example.com"))),
  /** Addresses and networks of your proxies, with commas between them. Their X-Forwarded-For names the caller. A client that can connect from there can name any address, so list only proxies. At most a /8 of IPv4 or a /7 of IPv6. */
  TRUSTED_PROXIES: networks.refine(
    (all) => !all.some(isTooWide),
    "your proxies' addresses or networks, none larger than a /8 of IPv4 or a /7 of IPv6",
  ),
  /** The number of proxies that a request passes through, all in TRUSTED_PROXIES. The service reads so many entries of X-Forwarded-For, from its end. */
  PROXY_HOPS: z.coerce.number().int().min(1).max(10).default(1),
});

/** The same of a service on Node. The socket library has its own times. */
export const nodeServerSettings = serverSettings.extend({
  /** An idle connection is closed after so many ms. Your load balancer should close it earlier: docs/guides/proxies.md. */
  KEEP_ALIVE_MS: z.coerce.number().int().min(1_000).max(3_600_000).default(75_000),
  /** A request head must be complete after so many ms, or is answered 408. It is checked once a second. */
  HEAD_MS: z.coerce.number().int().min(1_000).max(600_000).default(10_000),
});

/** Where Kafka, Postgres and Redis are. */
export const storeSettings = z.object({
  ...kafkaSettings.shape,
  /** Address of Postgres. For TLS add ?sslmode=verify-full and &sslrootcert=<file>. If the server asks for a client certificate, add &sslcert= and &sslkey=. */
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  /** Address of Redis. For a Redis Cluster, some of its nodes with commas between them. */
  REDIS_URL: z
    .string()
    .transform((list) => list.split(",").map((url) => url.trim()))
    .pipe(z.array(z.url({ protocol: /^rediss?$/ }))),
  /** Set true if the one address in REDIS_URL is a Redis Cluster. */
  REDIS_CLUSTER: z.stringbool().default(false),
  /** A file with the certificate authorities for rediss, if Node does not know them. */
  REDIS_CA: z.string().min(1).optional(),
  /** A file with the client certificate, if Redis asks for one. */
  REDIS_CERT: z.string().min(1).optional(),
  /** The file of its private key. */
  REDIS_KEY: z.string().min(1).optional(),
});

/** What every service reads from the environment. A wrong value stops the start with the variable's name and a fix. */
export const commonSettings = z.object({
  /** Prefix of topics, groups and Redis keys, and the Postgres schema. So several platforms can share one set of stores. */
  NAMESPACE: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,40}$/, "lower-case letters, digits and _, at most 41, a letter first")
    .default("notifications"),
  ...storeSettings.shape,
  /** The address that the service listens on. */
  HOST: z.string().default("0.0.0.0"),
  /** The port that it listens on. */
  PORT: z.coerce.number().int().min(0).max(65535),
  ...serverSettings.shape,
  /** The lowest level that is logged. */
  LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal"]).default("info"),
  /** The most ms from SIGTERM until the process ends. */
  SHUTDOWN_MS: z.coerce.number().int().min(0).default(20_000),
});

/** Who may call: tokens are JWTs signed by a key of this JWKS, which is the platform's own; those of tenants stand in Postgres. */
export const identitySettings = z.object({
  /** A file or an https address of the JSON Web Key Set (RFC 7517) with the public keys of the platform's own tokens. A file is read again every 30 s, an address every 10 min. */
  AUTH_JWKS: z
    .string()
    .min(1)
    .refine((place) => !/^https?:/i.test(place) || isKeysAddress(place), "a file's path, or an https URL"),
  /** Private addresses and networks from which key sets may be fetched, with commas between them: 10.0.0.0/8. All others must be public, also for tenants' issuers. */
  AUTH_PRIVATE_NETWORKS: networks,
  /** The claim `iss` of the platform's own tokens. */
  AUTH_ISSUER: z.string().min(1),
  /** The claim `aud` of tokens for this platform. */
  AUTH_AUDIENCE: z.string().min(1).default("notifications"),
  /** The most seconds from iat to exp. A token that is valid for longer is refused. */
  TOKEN_MAX_SECONDS: z.coerce.number().int().min(60).default(TOKEN_MAX_SECONDS),
  /** The key that seals the secrets of HS256 issuers in Postgres: 32 bytes in base64 (openssl rand -base64 32). You can give several, with commas between them: the first seals, all open. Without it, no such issuer can be written. */
  SECRETS_KEY: secretsKey,
  /** The most requests whose tokens wait for keys or for their check. They count for no other bound. Above it: 503. */
  MAX_WAITERS: z.coerce.number().int().min(1).default(1_000),
  /** The most of these that wait for the keys of one issuer. Above it: 503. */
  ISSUER_WAITERS: z.coerce.number().int().min(1).default(100),
  /** The most of these from one address that wait for keys. Above it: 429. */
  ADDRESS_WAITERS: z.coerce.number().int().min(1).default(50),
  /** The environment in API keys: ssp_live_..., ssp_test_... A key of another environment is refused. */
  KEY_ENVIRONMENT: z
    .string()
    .regex(ENVIRONMENT_FORM, "a lower-case letter, then at most 15 lower-case letters and digits")
    .default("live"),
  /** The most bytes of attempts that wait for the audit log. */
  AUDIT_MAX_BYTES: z.coerce
    .number()
    .int()
    .min(1_024)
    .default(16 << 20),
  /** Postgres is asked for changed policies every so many ms. */
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
