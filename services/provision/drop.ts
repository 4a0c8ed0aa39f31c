import { setTimeout as sleep } from "node:timers/promises";
import { Failure, messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Health } from "@saasaparilla/shared/runtime/health.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import type { Session } from "./session.ts";
import { dropRoles } from "./roles.ts";
import { connectRedis, keysLike, redisReady, type RedisAddress } from "@saasaparilla/shared/redis/client.ts";

const DELETION_TRIES = 100;
const DELETION_MS = 100;

/** The namespace of a platform in use. */
const GUARDED = "notifications";

export async function drop(
  settings: Parameters<typeof dropRoles>[0],
  { link, postgres, log, health }: { link: KafkaLink; postgres: Postgres; log: Log; health: Health },
  sure: boolean,
): Promise<void> {
  const { NAMESPACE } = settings;
  if (NAMESPACE === GUARDED && !sure) {
    throw new Failure(
      "fatal",
      `This removes every notification of the namespace "${NAMESPACE}". To confirm, add --yes.`,
    );
  }
  await dropTopics(link, `${NAMESPACE}.`, log);
  await postgres.pool.query(`drop schema if exists "${NAMESPACE}" cascade`);
  await dropKeys(settings, `${NAMESPACE}:*`, log, health);
  const session = await postgres.pool.connect();
  try {
    const query: Session["query"] = async (text, values) => session.query(text, values) as never;
    await dropRoles(settings, { session: { query }, link, log, health });
  } finally {
    session.release();
  }
  log.info({ namespace: NAMESPACE }, "dropped");
}

async function dropTopics(link: KafkaLink, prefix: string, log: Log): Promise<void> {
  await link.present([]);
  await link.admin(async (admin) => {
    const left = async (): Promise<string[]> => (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
    const topics = await left();
    if (topics.length > 0) await admin.deleteTopics({ topics });
    // Kafka answers before they are deleted.
    for (let tries = 0; (await left()).length > 0 && tries < DELETION_TRIES; tries += 1) await sleep(DELETION_MS);
    const { groups } = await admin.listGroups();
    const ours = groups.map(({ groupId }) => groupId).filter((group) => group.startsWith(prefix));
    // A group of a killed member is refused until its session ends. It no longer holds anything.
    if (ours.length > 0)
      await admin
        .deleteGroups(ours)
        .catch((error: unknown) => log.info({ groups: ours }, `groups remain: ${messageOf(error)}`));
  });
}

async function dropKeys(address: RedisAddress, pattern: string, log: Log, health: Health): Promise<void> {
  const redis = connectRedis(address, log, health);
  await redisReady(redis);
  const keys = await keysLike(redis, pattern);
  // One by one: in a cluster, keys are on different nodes.
  await Promise.all(keys.map((key) => redis.unlink(key)));
  redis.disconnect();
}
