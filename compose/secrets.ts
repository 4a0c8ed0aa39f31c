import { createHash, randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { roleOf, ROLE_NAMES, uses } from "@saasaparilla/shared/store-grants/grants.ts";
import { jaas } from "@saasaparilla/shared/store-grants/kafka.ts";
import { redisLine } from "@saasaparilla/shared/store-grants/redis.ts";
import { jwksFile, signingKey } from "#local/keys.ts";
import { readIfThere, writeWhole } from "#local/process/paths.ts";

/**
 * Creates the missing secrets, in the first container that runs: a password for each store, with the addresses that
 * contain it, and the key that `token` signs with. Only the readers of a secret mount its volume.
 */
const SERVICES = 10_001;
const STORES = 999;
const KAFKA = 1_000;
const GRAFANA = 472;

const word = (): string => randomBytes(24).toString("base64url");

/** This root may change owners of files, and has no other capability. It reads the files again by their group. */
function give(path: string, owner: number): void {
  if (statSync(path).uid === owner) return;
  chmodSync(path, 0o440);
  chownSync(path, owner, 0);
}

function kept(path: string, owner: number, make: () => string): string {
  const file = join("/secrets", path);
  if (!existsSync(file)) writeWhole(file, make(), 0o440);
  give(file, owner);
  return readFileSync(file, "utf8");
}

await signingKey();
const privateFile = join(dirname(jwksFile), "private.json");
const jwks = "/secrets/platform/jwks.json";
if (!existsSync(jwks)) writeWhole(jwks, readFileSync(jwksFile, "utf8"), 0o440);
give(jwks, SERVICES);
for (const file of [jwksFile, privateFile]) give(file, SERVICES);

/** The same for a text that contains other secrets: it is written again whenever it differs. */
function given(path: string, owner: number, text: string): void {
  const file = join("/secrets", path);
  if (readIfThere(file) !== text) writeWhole(file, text, 0o440);
  give(file, owner);
}

const postgres = kept("postgres/password", STORES, word);
const valkey = kept("valkey/password", STORES, word);
const kafka = kept("provision/password", SERVICES, word);
given("provision/database-url", SERVICES, `postgres://saasaparilla:${postgres}@postgres:5432/notifications`);
given("provision/redis-url", SERVICES, `redis://:${valkey}@valkey:6379`);
// Earlier versions, without roles, shared these files among all services.
for (const shared of ["database-url", "redis-url"]) rmSync(`/secrets/platform/${shared}`, { force: true });

const NAMESPACE = "notifications";
const passwords = new Map(ROLE_NAMES.map((role) => [role, kept(`${role}/password`, SERVICES, word)]));
for (const [role, password] of passwords) {
  const name = roleOf(NAMESPACE, role);
  if (uses(role, "postgres")) {
    given(`${role}/database-url`, SERVICES, `postgres://${name}:${password}@postgres:5432/notifications`);
    given(`provision/${role}-password`, SERVICES, password);
  }
  if (uses(role, "redis")) given(`${role}/redis-url`, SERVICES, `redis://${name}:${password}@valkey:6379`);
}

const users = [...passwords]
  .filter(([role]) => uses(role, "redis"))
  .map(([role, password]) => redisLine(NAMESPACE, role, createHash("sha256").update(password).digest("hex")));
const lines = [
  "dir /data",
  "appendonly yes",
  "appendfsync everysec",
  'save ""',
  "maxmemory 200mb",
  `requirepass ${valkey}`,
  ...users,
];
given("valkey/valkey.conf", STORES, `${lines.join("\n")}\n`);
given("kafka/jaas.conf", KAFKA, jaas(NAMESPACE, kafka, passwords));

// The console seals sessions with it.
kept("platform/secrets-key", SERVICES, () => randomBytes(32).toString("base64"));
kept("grafana/password", GRAFANA, word);
