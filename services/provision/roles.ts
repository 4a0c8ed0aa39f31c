import { createHash } from "node:crypto";
import { Failure, messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { roleOf, ROLE_NAMES, uses, type RoleName } from "@saasaparilla/shared/store-grants/grants.ts";
import { kafkaRights } from "@saasaparilla/shared/store-grants/kafka.ts";
import { databaseStatements, postgresStatements } from "@saasaparilla/shared/store-grants/postgres.ts";
import { redisRules } from "@saasaparilla/shared/store-grants/redis.ts";
import type { Health } from "@saasaparilla/shared/runtime/health.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { connectRedis, eachNode, redisReady, type RedisAddress } from "@saasaparilla/shared/redis/client.ts";
import { inTransaction, type Session } from "./session.ts";
import { passwordsIn, type Passwords } from "./settings.ts";

interface Parts {
  session: Session;
  link: KafkaLink;
  log: Log;
  health: Health;
}

/**
 * A role for each service in each store. Without passwords there are no roles, and services connect as the user in
 * their addresses.
 */
export async function makeRoles(
  settings: RedisAddress & Partial<Passwords> & { NAMESPACE: string; KAFKA_SASL?: unknown },
  parts: Parts,
): Promise<boolean> {
  const passwords = passwordsIn(settings);
  if (passwords === undefined) return false;
  const { NAMESPACE } = settings;
  await inPostgres(NAMESPACE, passwords, parts.session);
  await inRedis(settings, passwords, parts);
  // Without a name in Kafka, no user has rights there.
  if (settings.KAFKA_SASL !== undefined) await inKafka(NAMESPACE, parts);
  return true;
}

/**
 * Roles belong to the whole server, and one run at a time creates them: Postgres refuses two concurrent changes of one
 * row.
 */
const LOCK = "select pg_advisory_xact_lock(hashtextextended('roles of notifications', 0))";

async function inPostgres(
  namespace: string,
  passwords: ReadonlyMap<RoleName, string>,
  session: Session,
): Promise<void> {
  try {
    await inTransaction(session, async () => {
      await session.query(LOCK);
      const { rows } = await session.query<{ name: string; mine: boolean; open: boolean }>(
        `select datname as name, pg_has_role(datdba, 'usage') as mine,
           coalesce((select bool_or(privilege_type in ('TEMPORARY', 'CREATE')) from aclexplode(coalesce(datacl, acldefault('d', datdba))) where grantee = 0), false) as open
         from pg_database where datname = current_database()`,
      );
      const [database] = rows;
      if (database?.mine && database.open)
        for (const text of databaseStatements(database.name)) await session.query(text);
      for (const [role, password] of passwords) {
        const name = roleOf(namespace, role);
        const { rows: found } = await session.query("select from pg_roles where rolname = $1", [name]);
        if (found.length === 0) await session.query(`create role "${name}"`);
        for (const text of postgresStatements(namespace, role, password)) await session.query(text);
      }
    });
  } catch (error) {
    if ((error as { code?: string }).code !== "42501") throw error;
    throw new Failure(
      "fatal",
      `This user may not create the services' roles in Postgres: ${messageOf(error)}. Grant it CREATEROLE, or set no password of a service.`,
      { cause: error },
    );
  }
}

async function inRedis(
  settings: RedisAddress & { NAMESPACE: string },
  passwords: ReadonlyMap<RoleName, string>,
  { log, health }: Parts,
): Promise<void> {
  const redis = connectRedis(settings, log, health);
  try {
    await redisReady(redis);
    for (const [role, password] of passwords) {
      if (!uses(role, "redis")) continue;
      const sha256 = createHash("sha256").update(password).digest("hex");
      const rules = redisRules(settings.NAMESPACE, role, sha256);
      await eachNode(redis, (node) => node.call("ACL", "SETUSER", roleOf(settings.NAMESPACE, role), ...rules));
    }
    // A server without a users file keeps them until it ends. Its configuration must contain them, too.
    await eachNode(redis, (node) =>
      node.call("ACL", "SAVE").catch((error: unknown) => log.debug({ err: error }, "Redis cannot save its users")),
    );
  } finally {
    redis.disconnect();
  }
}

async function inKafka(namespace: string, { link, log }: Parts): Promise<void> {
  const rights = ROLE_NAMES.flatMap((role) => kafkaRights(namespace, role));
  if (!(await link.setRights(rights)))
    log.warn(
      "Kafka does not let this user set rights: its operator must grant them to the services (docs/reference/grants.md)",
    );
}

/** Drops a namespace's roles. */
export async function dropRoles(
  settings: RedisAddress & Partial<Passwords> & { NAMESPACE: string; KAFKA_SASL?: unknown },
  { session, link, log, health }: Parts,
): Promise<void> {
  const names = ROLE_NAMES.map((role) => roleOf(settings.NAMESPACE, role));
  await inTransaction(session, async () => {
    await session.query(LOCK);
    const { rows } = await session.query<{ name: string }>(
      "select rolname as name from pg_roles where rolname = any($1)",
      [names],
    );
    for (const { name } of rows) await session.query(`drop role "${name}"`);
  });
  if (passwordsIn(settings) === undefined) return;
  const redis = connectRedis(settings, log, health);
  try {
    await redisReady(redis);
    await eachNode(redis, (node) => node.call("ACL", "DELUSER", ...names));
  } finally {
    redis.disconnect();
  }
  if (settings.KAFKA_SASL !== undefined)
    await link.setRights(
      [],
      names.map((name) => `User:${name}`),
    );
}
