import { Kafka, logLevel, type AclEntry, type Admin } from "kafkajs";
import { backOff, type BackoffRange } from "#runtime/backoff.ts";
import { classify, Failure, messageOf } from "#runtime/errors.ts";
import type { Health } from "#runtime/health.ts";
import { connectionName } from "#protocol/format.ts";
import type { KafkaRight } from "#store-grants/kafka.ts";
import { kafkaOptions, type KafkaAddress } from "./settings.ts";
import type { Log } from "#runtime/log.ts";

const BACKOFF_MS: BackoffRange = [200, 2_000];

export interface GroupProgress {
  /** Everything before it is settled. */
  committed: number;
  /** The next offset that the group reads, as of its last commit. A reader that does not say it reads at the commit. */
  read: number;
  /** The offset that the next record will have. */
  end: number;
}

export interface TopicSpec {
  topic: string;
  partitions: number;
  replicas: number;
  config: Record<string, string>;
}

export interface GroupMember {
  group: string;
  /** As `connectionName` made it. */
  name: string;
  host: string;
}

const ANY = 1;
const ACL = { topic: 2, group: 3, Read: 3, Write: 4, Describe: 8, allow: 3, literal: 3, prefixed: 4 } as const;

function aclOf({ principal, resource, name, operation }: KafkaRight): AclEntry {
  const prefixed = name.endsWith("*");
  return {
    resourceType: ACL[resource],
    resourceName: prefixed ? name.slice(0, -1) : name,
    resourcePatternType: prefixed ? ACL.prefixed : ACL.literal,
    principal,
    host: "*",
    operation: ACL[operation],
    permissionType: ACL.allow,
  };
}

function sameAcl(one: AclEntry, other: AclEntry): boolean {
  return (Object.keys(one) as (keyof AclEntry)[]).every((field) => one[field] === other[field]);
}

/** Numbers of the protocol. The client's enumerations are not among the named exports of its CommonJS module. */
const TOPIC = 2;
const SET_ON_TOPIC = 1;

/** Administration of the topics of one Kafka cluster. */
export class KafkaAdmin {
  protected readonly kafka: Kafka;
  protected readonly log: Log;
  protected readonly health: Health;

  constructor(address: KafkaAddress, service: string, log: Log, health: Health) {
    this.log = log;
    this.health = health;
    this.kafka = new Kafka({
      ...kafkaOptions(address),
      clientId: connectionName(service),
      connectionTimeout: 1_000,
      requestTimeout: 5_000,
      enforceRequestTimeout: true,
      // Short: each sender decides itself how long it retries.
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 3 },
      logLevel: logLevel.WARN,
      logCreator:
        () =>
        ({ label, log: { message, error } }) =>
          log.debug({ kafka: label, error: typeof error === "string" ? error : undefined }, message),
    });
  }

  async admin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      return await use(admin);
    } finally {
      await admin.disconnect();
    }
  }

  /** Waits until the topic exists, and returns its number of partitions. */
  async partitions(topic: string): Promise<number> {
    return this.reach("kafka", () =>
      this.admin(async (admin) => {
        // A request for a missing topic fails with an error that does not name the topic.
        if (!(await admin.listTopics()).includes(topic))
          throw new Error(`The topic ${topic} does not exist yet: run the provision service.`);
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        return topics[0]!.partitions.length;
      }),
    );
  }

  /** The number of partitions of each of these topics. Missing topics are left out. */
  async present(topics: string[]): Promise<Map<string, number>> {
    return this.reach("kafka", () =>
      this.admin(async (admin) => {
        const there = new Set(await admin.listTopics());
        const asked = topics.filter((topic) => there.has(topic));
        if (asked.length === 0) return new Map<string, number>();
        const metadata = await admin.fetchTopicMetadata({ topics: asked });
        return new Map(metadata.topics.map(({ name, partitions }) => [name, partitions.length]));
      }),
    );
  }

  /** The offset that the next record of the partition will have. */
  async endOffset(topic: string, partition: number): Promise<number> {
    return this.reach("kafka", async () => {
      const offsets = await this.admin((admin) => admin.fetchTopicOffsets(topic));
      const found = offsets.find((entry) => entry.partition === partition);
      if (!found) throw new Error(`The topic ${topic} has no partition ${partition}.`);
      return Number(found.high);
    });
  }

  /** By partition: the oldest offset that still exists. */
  async oldestOffsets(topic: string): Promise<Map<number, number>> {
    return this.reach("kafka", async () => {
      const offsets = await this.admin((admin) => admin.fetchTopicOffsets(topic));
      return new Map(offsets.map(({ partition, low }) => [partition, Number(low)]));
    });
  }

  /** By partition: the offset that the next record will have. */
  async ends(topic: string): Promise<Map<number, number>> {
    return this.reach("kafka", async () => {
      const offsets = await this.admin((admin) => admin.fetchTopicOffsets(topic));
      return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
    });
  }

  /** By partition: the group's position, and the offset that the next record will have. */
  async progress(group: string, topic: string): Promise<Map<number, GroupProgress>> {
    return this.reach("kafka", () =>
      this.admin(async (admin) => {
        const [ends, [offsets]] = await Promise.all([
          admin.fetchTopicOffsets(topic),
          admin.fetchOffsets({ groupId: group, topics: [topic] }),
        ]);
        const commits = new Map(offsets?.partitions.map((entry) => [entry.partition, entry]));
        return new Map(
          ends.map(({ partition, low, high }) => {
            const { offset = "-1", metadata } = commits.get(partition) ?? {};
            // Retention may have deleted committed records. Without a commit (-1) reading begins at the lowest.
            const committed = Math.max(Number(offset), Number(low));
            return [partition, { committed, read: Math.max(Number(metadata ?? 0), committed), end: Number(high) }];
          }),
        );
      }),
    );
  }

  /** By partition: the end of the topic, for partitions in which the group has never committed. */
  async neverCommitted(group: string, topic: string): Promise<Map<number, number>> {
    return this.reach("kafka", () =>
      this.admin(async (admin) => {
        const [ends, [offsets]] = await Promise.all([
          admin.fetchTopicOffsets(topic),
          admin.fetchOffsets({ groupId: group, topics: [topic] }),
        ]);
        const committed = new Set(
          offsets?.partitions.filter(({ offset }) => Number(offset) >= 0).map(({ partition }) => partition),
        );
        return new Map(
          ends
            .filter(({ partition }) => !committed.has(partition))
            .map(({ partition, high }) => [partition, Number(high)]),
        );
      }),
    );
  }

  /** The connections of each group's members. A group without members has none. */
  async members(groups: string[]): Promise<GroupMember[]> {
    if (groups.length === 0) return [];
    return this.reach("kafka", async () => {
      const found = await this.admin((admin) => admin.describeGroups(groups));
      return found.groups.flatMap(({ groupId: group, members }) =>
        members.map(({ clientId: name, clientHost: host }) => ({ group, name, host })),
      );
    });
  }

  /** Creates the missing topics and returns their names. */
  async createTopics(specs: TopicSpec[]): Promise<string[]> {
    return this.reach("kafka", () =>
      this.admin(async (admin) => {
        const present = new Set(await admin.listTopics());
        const missing = specs.filter(({ topic }) => !present.has(topic));
        if (missing.length === 0) return [];
        await admin
          .createTopics({
            waitForLeaders: true,
            topics: missing.map(({ topic, partitions, replicas, config }) => ({
              topic,
              numPartitions: partitions,
              replicationFactor: replicas,
              configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
            })),
          })
          .catch((error: unknown) => {
            throw topicsRefused(error) ?? error;
          });
        return missing.map(({ topic }) => topic);
      }),
    );
  }

  /**
   * Grants these rights. Revokes all others of their owners, and all others of `principals`. Returns false if this user
   * may not, or if the cluster has no authorizer.
   */
  async setRights(
    rights: readonly KafkaRight[],
    principals: readonly string[] = [...new Set(rights.map(({ principal }) => principal))],
  ): Promise<boolean> {
    const wanted = rights.map(aclOf);
    try {
      return await this.admin(async (admin) => {
        for (const principal of principals) {
          const any = { resourceType: ANY, resourcePatternType: ANY, operation: ANY, permissionType: ANY };
          const { resources } = await admin.describeAcls({ ...any, principal });
          const present = resources.flatMap(({ acls, ...resource }) => acls.map((acl) => ({ ...resource, ...acl })));
          const stale = present.filter((one) => !wanted.some((acl) => sameAcl(acl, one)));
          if (stale.length > 0) await admin.deleteAcls({ filters: stale });
        }
        if (wanted.length > 0) await admin.createAcls({ acl: wanted });
        return true;
      });
    } catch (error) {
      const { type } = error as { type?: string };
      if (type !== "SECURITY_DISABLED" && type !== "CLUSTER_AUTHORIZATION_FAILED") throw error;
      return false;
    }
  }

  /** Adds missing settings to topics of an earlier version. Existing settings stay. Returns the changed topics. */
  async completeTopics(specs: TopicSpec[]): Promise<string[]> {
    return this.admin(async (admin) => {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: specs.map(({ topic }) => ({ type: TOPIC, name: topic })),
      });
      const changes = specs.flatMap(({ topic, config }) => {
        const entries = resources.find(({ resourceName }) => resourceName === topic)?.configEntries ?? [];
        const set = entries.filter(({ configSource }) => Number(configSource) === SET_ON_TOPIC);
        const present = Object.fromEntries(set.map(({ configName, configValue }) => [configName, configValue]));
        if (Object.keys(config).every((name) => name in present)) return [];
        // The request replaces all settings of the topic.
        const whole = Object.entries({ ...config, ...present }).map(([name, value]) => ({ name, value }));
        return [{ type: TOPIC, name: topic, configEntries: whole }];
      });
      if (changes.length > 0) await admin.alterConfigs({ validateOnly: false, resources: changes });
      return changes.map(({ name }) => name);
    });
  }

  /** Retries without end: a dependency may start last. */
  protected async reach<T>(name: string, attempt: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        const result = await attempt();
        this.health.up(name);
        return result;
      } catch (error) {
        if (classify(error) === "fatal") throw error;
        this.health.down(name, messageOf(error));
        if (tries % 10 === 0) this.log.warn({ err: error }, "waiting for Kafka");
        await backOff(tries, BACKOFF_MS);
      }
    }
  }
}

/** A refusal that the cluster repeats at every try, for example more replicas than brokers. Waiting does not help. */
function topicsRefused(error: unknown): Failure | undefined {
  // The client's error classes are not among the named exports of its CommonJS module.
  const { errors = [] } = error as { errors?: { retriable?: boolean; topic?: string; type?: string }[] };
  const refused = errors.filter(({ retriable, type }) => retriable === false && type !== "TOPIC_ALREADY_EXISTS");
  if (refused.length === 0) return undefined;
  const each = refused.map(({ topic, type }) => `${topic}: ${type}`).join(", ");
  return new Failure("fatal", `Kafka refuses topics for good: ${each}.`, { cause: error });
}
