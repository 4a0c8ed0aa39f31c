import { setTimeout as sleep } from "node:timers/promises";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import { tenantRow, TENANT_ROW } from "@saasaparilla/shared/auth/policies/schema.ts";
import { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import { EPOCHS_PARTITION, latestEpoch, writeEpoch, type Epoch } from "@saasaparilla/shared/kafka/epochs.ts";
import { backOff } from "@saasaparilla/shared/runtime/backoff.ts";
import type { Health } from "@saasaparilla/shared/runtime/health.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import { beginEpoch } from "./epoch.ts";
import { migrate } from "./migrate.ts";
import { patiently } from "./patiently.ts";
import { checkSettled } from "./repartition.ts";
import { makeRoles } from "./roles.ts";
import type { Session } from "./session.ts";
import { partitionStored } from "./stored-partitions.ts";
import { epochsSpec, topicSpecs, type TopicSizes } from "./topic-specs.ts";

/**
 * Tables, then the epoch, then the topics: epoch.ts gives the reason for this order. `repartition` lets accepted grow.
 * Without it a topic keeps its partitions.
 */
export async function provision(
  settings: TopicSizes & Parameters<typeof makeRoles>[0] & { STORED_PARTITIONS: number; TENANTS: string[] },
  { link, postgres, log, health }: { link: KafkaLink; postgres: Postgres; log: Log; health: Health },
  repartition = false,
): Promise<void> {
  const { NAMESPACE } = settings;
  const names = topicsOf(NAMESPACE);
  // Kafka may take long to appear. No other run should wait for the lock meanwhile.
  await link.present([]);
  await locked(postgres, NAMESPACE, async (session) => {
    const migrations = await migrate(session, NAMESPACE);
    // Makes the tables of the coming weeks and days, and drops old ones.
    for (const table of ["inbox_weeks", "timeline_days"])
      await patiently(() => session.query(`update ${table} set due = now()`), { table, log, pause: backOff });
    const parts = await partitionStored(session, settings.STORED_PARTITIONS);
    if (parts !== settings.STORED_PARTITIONS)
      log.warn(
        { table: "stored_notifications", has: parts },
        "the table keeps its partitions, because it contains rows",
      );
    const roles = await makeRoles(settings, { session, link, log, health });
    const tenants = await tenantsMade(new PolicyStore(postgres, NAMESPACE), settings.TENANTS);
    const { accepted, control, deferred, routed, dispatch, events } = names;
    const present = await link.present([accepted, control, deferred, routed, dispatch, events]);
    const partitions = await partitionsOfAccepted(link, settings, present, repartition);
    const made = await link.createTopics([epochsSpec(names, settings)]);
    const kept = await latestEpoch(link, names.epochs);
    const { epoch, begun } = await beginEpoch(session, kept, { partitions, fresh: !present.has(names.accepted) });
    if (kept?.epoch !== epoch) await publish(link, names.epochs, { epoch, partitions });
    const specs = topicSpecs(names, { ...settings, ACCEPTED_PARTITIONS: partitions });
    const topics = await link.createTopics(specs);
    const changed = await link.completeTopics(specs).catch((error: unknown) => {
      // Not every user may read and change topics' settings, and an earlier version did not need that right.
      log.warn({ err: error }, "existing topics keep their settings");
      return [];
    });
    for (const topic of [accepted, control, deferred, events]) await grow(link, topic, present.get(topic), partitions);
    await grow(link, routed, present.get(routed), settings.ROUTED_PARTITIONS);
    await grow(link, dispatch, present.get(dispatch), settings.DISPATCH_PARTITIONS);
    if (partitions !== settings.ACCEPTED_PARTITIONS)
      log.warn(
        { topic: names.accepted, has: partitions },
        "the topic keeps its partitions: see docs/operations/epochs.md",
      );
    log.info(
      { namespace: NAMESPACE, migrations, topics: [...made, ...topics], changed, epoch, begun, tenants, roles },
      "provisioned",
    );
  });
}

/** An existing tenant is left unchanged, suspended or not. */
async function tenantsMade(policyStore: PolicyStore, names: string[]): Promise<string[]> {
  const there = await Promise.all(names.map((name) => policyStore.find("tenant", name, TENANT_ROW)));
  const missing = names.filter((_, index) => there[index] === undefined);
  const value = tenantRow.parse({ trust: "scopes" });
  if (missing.length > 0)
    await policyStore.write(...missing.map((tenant) => ({ kind: "tenant" as const, tenant, id: TENANT_ROW, value })));
  return missing;
}

async function partitionsOfAccepted(
  link: KafkaLink,
  { NAMESPACE, ACCEPTED_PARTITIONS: wanted }: TopicSizes & { NAMESPACE: string },
  topics: Map<string, number>,
  repartition: boolean,
): Promise<number> {
  const names = topicsOf(NAMESPACE);
  const present = topics.get(names.accepted);
  // Recreated beside a deferred topic that may not be drained: its clients' partitions stay the same.
  if (present === undefined) return topics.get(names.deferred) ?? wanted;
  if (!repartition) return present;
  await checkSettled(link, NAMESPACE, names, { present, wanted });
  return wanted;
}

async function publish(link: KafkaLink, topic: string, epoch: Epoch): Promise<void> {
  const sender = await link.sender();
  await sender.send([{ topic, partition: EPOCHS_PARTITION, value: writeEpoch(epoch) }]);
  await sender.close();
}

/** One run at a time in each namespace. The session ends with the lock. */
async function locked(postgres: Postgres, namespace: string, work: (session: Session) => Promise<void>): Promise<void> {
  const session = await postgres.pool.connect();
  try {
    // Not pg_advisory_lock: the snapshot of a statement that waits would stop an index that is made concurrently.
    const lock = "select pg_try_advisory_lock(hashtextextended($1, 0)) as taken";
    const taken = async (): Promise<boolean> =>
      (await session.query<{ taken: boolean }>(lock, [`provision ${namespace}`])).rows[0]!.taken;
    for (const end = performance.now() + LOCK_MS; !(await taken());) {
      if (performance.now() > end)
        throw new Failure(
          "fatal",
          "Another run of provision has not ended within ten minutes. Stop it, then run this again.",
        );
      await sleep(LOCK_RETRY_MS);
    }
    await work({ query: async (text, values) => session.query(text, values) as never });
  } finally {
    session.release(true);
  }
}

const LOCK_MS = 600_000;
const LOCK_RETRY_MS = 200;
const GROWTH_TRIES = 200;
const GROWTH_MS = 50;

/** Kafka cannot reduce partitions. */
async function grow(link: KafkaLink, topic: string, present: number | undefined, wanted: number): Promise<void> {
  if (present === undefined || present >= wanted) return;
  await link.admin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: wanted }] }));
  // Kafka answers before its brokers show the partitions, and the next service to start reads them there.
  for (let tries = 0; (await link.partitions(topic)) < wanted; tries += 1) {
    if (tries === GROWTH_TRIES)
      throw new Error(
        `Kafka accepted ${wanted} partitions for ${topic}, but does not list them yet. Run provision again.`,
      );
    await sleep(GROWTH_MS);
  }
}
