import type { KafkaLink } from "@saasaparilla/shared/kafka.ts";
import type { Log } from "@saasaparilla/shared/log.ts";
import type { Postgres } from "@saasaparilla/shared/postgres.ts";
import { topicsOf } from "@saasaparilla/shared/topics.ts";
import { beginEpoch } from "./epoch.ts";
import { migrate, type Session } from "./migrate.ts";
import { topicSpecs, type TopicSizes } from "./topics.ts";

/** Tables, then the epoch, then the topics: see epoch.ts for why in this order. */
export async function provision(
  settings: TopicSizes & { NAMESPACE: string },
  { link, postgres, log }: { link: KafkaLink; postgres: Postgres; log: Log },
): Promise<void> {
  const { NAMESPACE } = settings;
  const names = topicsOf(NAMESPACE);
  const specs = topicSpecs(names, settings);
  // Kafka may be long in coming: nobody is to wait for the lock meanwhile.
  await link.present([]);
  await locked(postgres, NAMESPACE, async (session) => {
    const migrations = await migrate(session, NAMESPACE);
    const present = await link.present(specs.map(({ topic }) => topic));
    const epoch = await beginEpoch(session, {
      present: present.get(names.accepted),
      wanted: settings.ACCEPTED_PARTITIONS,
    });
    const topics = await link.createTopics(specs);
    await grow(link, names.routed, present.get(names.routed), settings.ROUTED_PARTITIONS);
    for (const { topic, partitions } of specs) {
      const has = present.get(topic);
      if (has !== undefined && has !== partitions && topic !== names.routed)
        log.warn({ topic, has, partitions }, "the topic keeps the partitions that it has");
    }
    log.info({ namespace: NAMESPACE, migrations, topics, epoch }, "provisioned");
  });
}

/** One at a time in each namespace. The session ends with the lock. */
async function locked(postgres: Postgres, namespace: string, work: (session: Session) => Promise<void>): Promise<void> {
  const session = await postgres.pool.connect();
  try {
    await session.query("select pg_advisory_lock(hashtextextended($1, 0))", [`provision ${namespace}`]);
    await work({ query: async (text, values) => session.query(text, values) as never });
  } finally {
    session.release(true);
  }
}

/** More slots cost nothing to those in use; fewer cannot be had. */
async function grow(link: KafkaLink, topic: string, present: number | undefined, wanted: number): Promise<void> {
  if (present === undefined || present >= wanted) return;
  await link.admin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: wanted }] }));
}
