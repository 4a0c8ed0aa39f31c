import { setTimeout as sleep } from "node:timers/promises";
import type { Policies } from "@saasaparilla/shared/auth/policies/policies.ts";
import { clientsOf, targetsOf } from "@saasaparilla/shared/auth/policies/authorize.ts";
import { tenantTimelines } from "@saasaparilla/shared/auth/policies/tenant-timeline.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import { tenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { CronTimes } from "@saasaparilla/shared/dispatch/cron.ts";
import type { DocumentCache } from "@saasaparilla/shared/dispatch/document-cache.ts";
import type { BatchingProducer } from "@saasaparilla/shared/kafka/batching-producer.ts";
import { deadLetterOfItem, type DeadLetters } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { directorGroup, topicsOf } from "@saasaparilla/shared/kafka/topic-names.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { FullWaiting } from "@saasaparilla/shared/postgres/full-waiting.ts";
import { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import { targetName } from "@saasaparilla/shared/protocol/target.ts";
import { RedisRateLimiter } from "@saasaparilla/shared/rate-limits/redis-rate-limiter.ts";
import type { Redis } from "@saasaparilla/shared/redis/client.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { Lifecycle } from "@saasaparilla/shared/runtime/lifecycle.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Route } from "@saasaparilla/shared/http/routes.ts";
import { groupRoutes } from "#groups/group-routes.ts";
import { MemberStore } from "#groups/member-store.ts";
import type { DispatcherMetrics } from "#metrics.ts";
import { Timers } from "#schedules/timers.ts";
import { TimerStore } from "#schedules/timer-store.ts";
import type { DispatcherSettings } from "#settings.ts";
import type { RecordHandler } from "./consumer.ts";
import { DirectorLag } from "./director-lag.ts";
import { FanOut } from "./fan-out.ts";
import { FullRecipients } from "./full-recipients.ts";
import { Intake } from "./intake.ts";
import { Pace } from "./pace.ts";
import { OpenSlices } from "./open-slices.ts";
import { PageWriter } from "./page-writer.ts";
import { publicationRoutes } from "./publication-routes.ts";
import { PublicationEvents } from "./publication-events.ts";
import { PublicationStore } from "./publication-store.ts";
import { RecipientRate } from "./recipient-rate.ts";
import type { ExchangeTargets } from "./resolve.ts";
import { SliceChanges } from "./slice-changes.ts";
import { sweep } from "./sweep.ts";

export interface OpenPublicationsParts {
  settings: DispatcherSettings;
  postgres: Postgres;
  redis: Redis;
  kafka: KafkaLink;
  producer: BatchingProducer;
  deadLetters: Pick<DeadLetters, "add">;
  policies: Policies;
  documents: DocumentCache;
  events: Events;
  /** The newest form of bytes that this platform may write. */
  format: () => number;
  lifecycle: Lifecycle;
  metrics: DispatcherMetrics;
  log: Log;
}

/** ms between two looks at what is due. */
const DUE_MS = 200;
/** ms between two looks for publications of other dispatchers, and for cancellations. */
const LOAD_MS = 500;
const LAG_MS = 1_000;
const PARTITIONS_MS = 30_000;
/** Redis answers in less than 1 ms. Without it, this process counts alone. */
const RATE_WAIT_MS = 200;
const MOST_CRONS = 10_000;

/** Publications of a dispatcher: their intake, their fan-out, their timers, and their routes. */
export async function openPublications(
  parts: OpenPublicationsParts,
): Promise<{ routes: Route[]; handler: RecordHandler }> {
  const { settings, postgres, redis, kafka, producer, deadLetters, policies, documents, lifecycle, metrics, log } =
    parts;
  const { NAMESPACE } = settings;
  const topics = topicsOf(NAMESPACE);
  const counts = {
    accepted: await kafka.partitions(topics.accepted),
    dispatch: await kafka.partitions(topics.dispatch),
  };
  const lookAtPartitions = async (): Promise<void> => {
    counts.accepted = await kafka.partitions(topics.accepted);
    counts.dispatch = await kafka.partitions(topics.dispatch);
  };
  const pace = new Pace({ most: settings.FANOUT_RATE / counts.accepted, now: () => performance.now(), sleep });
  const directorLag = new DirectorLag(() => kafka.progress(directorGroup(NAMESPACE), topics.accepted), pace);
  const fullRecipients = new FullRecipients(new FullInboxes(postgres, NAMESPACE), log);
  const limitsOf = tenantLimits(policies, settings);
  const rateLimiter = new RedisRateLimiter({ redis, waitMs: RATE_WAIT_MS, alone: () => metrics.failed("redis") });
  const recipientRate = new RecipientRate(rateLimiter, new Keys(NAMESPACE), limitsOf);
  const charge = recipientRate.charge.bind(recipientRate);
  const publications = new PublicationStore(postgres, NAMESPACE);
  const members = new MemberStore(postgres, NAMESPACE);
  const timeline = new PublicationEvents({
    events: parts.events,
    followerOf: tenantTimelines(policies, settings, () => Date.now() / 1_000),
    format: parts.format,
  });
  const writer = new PageWriter({
    producer,
    topic: topics.accepted,
    partitions: () => counts.accepted,
    pace,
    isFull: (key) => fullRecipients.has(key),
    timeline,
  });
  let owned: readonly number[] = [];
  const weightOf = (tenant: string): number => limitsOf(tenant).weight;
  const fanOut = new FanOut({
    open: new OpenSlices(postgres, NAMESPACE),
    changes: new SliceChanges(publications, weightOf),
    publications,
    members,
    writer,
    charge,
    weightOf,
    owned: () => ({ partitions: owned, among: counts.dispatch }),
    timeline,
    metrics,
    log,
    sleep,
  });
  const begun = (): void => void fanOut.load();
  const exchangeTargets = exchangeTargetsOf(documents);
  const intake = new Intake({
    publications,
    members,
    writer,
    exchangeTargets,
    charge,
    reject(record, partition, item) {
      const place = { topic: topics.dispatch, partition };
      timeline.rejected({ ...place, offset: record.offset }, item);
      return deadLetters.add(deadLetterOfItem(place, record, item));
    },
    begun,
    timeline,
    metrics,
  });
  const store = new TimerStore(postgres, NAMESPACE);
  const timers = new Timers({ store, members, exchangeTargets, nextOccurrence: cronTimes(), begun, metrics, log });
  metrics.watch({ pace: () => pace.rate, dueLag: () => timers.lag });
  const fullWaiting = new FullWaiting(postgres, NAMESPACE);
  // One dispatcher is enough: counting reads the index of all waiting publications.
  const markFull = async (): Promise<void> => {
    if (owned.includes(0)) await fullWaiting.mark((tenant) => limitsOf(tenant).waitingPublications);
  };
  const intervals = [
    setInterval(() => void lookAtPartitions(), PARTITIONS_MS),
    setInterval(() => void directorLag.look(), LAG_MS),
    setInterval(begun, LOAD_MS),
    setInterval(() => void (documents.loaded && timers.run()), DUE_MS),
    setInterval(() => void timers.reconcile(), settings.ACCESS_REFRESH_MS),
    setInterval(() => void fullRecipients.look(), settings.ACCESS_REFRESH_MS),
    setInterval(() => void sweep(publications, markFull, metrics, log), settings.SWEEP_MS),
  ];
  lifecycle.onEnd("publications", async () => {
    for (const interval of intervals) clearInterval(interval);
    await timers.end();
    await fanOut.end();
  });
  const mayPublishTo: Parameters<typeof publicationRoutes>[0]["mayPublishTo"] = (caller, targets) => {
    const [allowed, clients] = [targetsOf(policies, caller, "publish"), clientsOf(policies, caller)];
    return targets.every((to) => {
      const name = targetName(to);
      if (name !== undefined) return allowed?.has(name) ?? false;
      const named = "client" in to ? [to.client] : "clients" in to ? to.clients : [];
      return !clients || named.every((client) => clients.has(client));
    });
  };
  return {
    routes: [...groupRoutes(members), ...publicationRoutes({ publications, mayPublishTo, timeline, begun, sleep })],
    handler: {
      assigned(partitions) {
        owned = partitions;
        begun();
      },
      async settle(records, partition) {
        if (!documents.loaded) throw new Failure("retry", "The documents of exchanges are not read yet.");
        await intake.settle(records, partition);
      },
    },
  };
}

/** A document that this version cannot read is as good as none: `format` keeps later forms from being written early. */
function exchangeTargetsOf(documents: DocumentCache): ExchangeTargets {
  return (tenant, id, message) => {
    const exchange = documents.exchange(tenant, id);
    return typeof exchange === "object" ? exchange.route(message) : undefined;
  };
}

/** Each expression is read once. */
function cronTimes(): (cron: string, zone: string, after: number) => number | undefined {
  const known = new Map<string, CronTimes>();
  return (cron, zone, after) => {
    const name = `${zone} ${cron}`;
    let times = known.get(name);
    if (!times) {
      known.set(name, (times = new CronTimes(cron, zone)));
      if (known.size > MOST_CRONS) known.delete(known.keys().next().value!);
    }
    return times.next(new Date(after))?.getTime();
  };
}
