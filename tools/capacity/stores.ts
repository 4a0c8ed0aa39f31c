import { MOST_ITEMS } from "@saasaparilla/shared/auth/policies/inbox-setting.ts";
import { POOL_CONNECTIONS } from "@saasaparilla/shared/postgres/client.ts";
import { settings as receiverSettings } from "#services/receiver/settings.ts";
import { MEASURED_PAYLOAD, type Values } from "./constants.ts";
import { dispatchCores, dispatchFormula } from "./dispatch.ts";
import { inboxCores, inboxFormula, inboxRow, inboxRows } from "./inbox.ts";
import type { Input } from "./input.ts";
import { bought, coresOf, DAY, GIB, largest, MEGA, moreOf, Part, type Line, type Taken } from "./line.ts";
import type { Load } from "./load.ts";

const IDEMPOTENCY_SECONDS = receiverSettings.shape.IDEMPOTENCY_SECONDS.parse(undefined);
/** Retention of control and routed, plus their open segment (services/provision/topic-specs.ts). */
export const CARRIED_SECONDS = 20 * 60;
/** Time between two registrations of a connection (services/distributor/maintenance/presence-writer.ts). */
const REFRESH_SECONDS = 600;

export function kafka(
  input: Input,
  values: Values,
  load: Load,
  { partitions, slots }: { partitions: number; slots: number },
  owned?: readonly Line[],
): Taken {
  const part = new Part("Kafka", owned);
  const { replicas, headroom } = input;
  const { connects } = load;
  const accepted = load.accepted + load.members + load.queued;
  const live = load.live + load.membersLive;
  const more = input.payload - MEASURED_PAYLOAD;
  const bytes = {
    accepted: Math.max(0, values["kafka.accepted"] + more),
    carried: Math.max(0, values["kafka.routed"] + more) + values["kafka.control"],
    connect: values["kafka.routed.connect"] + values["kafka.control.connect"],
  };
  const written = part.need(
    "appended",
    (accepted * bytes.accepted + live * bytes.carried + connects * bytes.connect) / MEGA,
    "MB/s",
    "accepted x kafka.accepted + live x (kafka.routed + kafka.control) + connects x (kafka.routed.connect + kafka.control.connect); each notification + --payload - 200; members and messages of queues included",
  );
  const copied = part.need("to disks, and network each way", written * replicas, "MB/s", "appended x --replicas");
  const carried = (live * bytes.carried + connects * bytes.connect) * CARRIED_SECONDS;
  const kept = load.meanWritten * bytes.accepted * input.retentionDays * DAY;
  const disk = part.need(
    "disk",
    ((kept + carried) * replicas) / (1 - headroom) / GIB,
    "GiB",
    "(accepted x --average x --retention-days + the rest for 20 minutes) x --replicas / (1 - --headroom)",
  );
  const busy = part.need(
    "busy",
    coresOf(
      accepted * (values["kafka.notification"] + moreOf(input, values["kafka.byte"])) +
        connects * values["kafka.connect"],
    ) * replicas,
    "cores",
    "(accepted x (kafka.notification + more bytes x kafka.byte) + connects x kafka.connect) x --replicas",
  );
  const brokers = part.buy(
    "brokers",
    largest([
      [replicas, "--replicas"],
      [bought(busy, input.brokerCores, headroom), "busy / --broker-cores / (1 - --headroom)"],
      [Math.ceil(disk / input.brokerDisk), "disk / --broker-disk"],
      [bought(copied, input.brokerNetwork, headroom), "network / --broker-network / (1 - --headroom)"],
      [bought(copied, input.brokerWrite, headroom), "to disks / --broker-write / (1 - --headroom)"],
    ]),
  );
  const copies = partitions * 3 * replicas + slots * replicas;
  part.result("partition copies of a broker", copies / brokers, "", "(3 x partitions + slots) x --replicas / brokers");
  return { lines: part.lines, cores: brokers * input.brokerCores, gib: brokers * input.brokerGib, diskGib: disk };
}

export interface RedisTaken extends Taken {
  shards: number;
  busy: number;
}

export function redis(input: Input, values: Values, load: Load, owned?: readonly Line[]): RedisTaken {
  const part = new Part("Redis", owned);
  const { connections, connects } = load;
  const entriesOf = (notifications: number): number => notifications * (input.ids + input.keys / input.perRequest);
  const entries = entriesOf(load.accepted);
  const memory = part.need(
    "memory",
    (connections * values["redis.connection"] +
      entriesOf(load.meanAccepted) * IDEMPOTENCY_SECONDS * values["redis.id"]) /
      GIB,
    "GiB",
    "connections x redis.connection + accepted x --average x (--ids + --keys / --per-request) x IDEMPOTENCY_SECONDS x redis.id",
  );
  const renewals = connections / REFRESH_SECONDS;
  part.need(
    "operations",
    connects * values["redis.connect.commands"] + renewals * values["redis.register.commands"] + entries * 2,
    "/s",
    "connects x redis.connect.commands + connections / 600 s x redis.register.commands + ids and keys x 2",
  );
  const busy = part.need(
    "busy",
    coresOf(
      connects * values["redis.connect"] +
        renewals * values["redis.register"] +
        connections * values["redis.rest"] +
        entries * values["redis.id.cpu"],
    ),
    "cores",
    "connects x redis.connect + connections / 600 s x redis.register + connections x redis.rest + ids and keys x redis.id.cpu",
  );
  const shards = part.buy(
    "shards",
    largest([
      [1, "one"],
      [bought(busy, 1, input.headroom), "busy / (1 - --headroom): a shard has one core"],
      [bought(memory, input.redisGib, input.headroom), "memory / --redis-gib / (1 - --headroom)"],
    ]),
  );
  const nodes = part.need("nodes", shards * input.copies, "", "shards x --copies");
  // A rewrite of the append-only file needs space beside the old file.
  const diskGib = (memory * input.copies * 2) / (1 - input.headroom);
  return {
    lines: part.lines,
    shards,
    busy,
    cores: nodes,
    gib: (memory * input.copies) / (1 - input.headroom),
    diskGib,
  };
}

/** Processes that connect: with a pool, or with one connection for the policies. */
interface PostgresPods {
  pools: number;
  receivers: number;
}

export function postgres(input: Input, values: Values, load: Load, pods: PostgresPods, owned?: readonly Line[]): Taken {
  const part = new Part("Postgres", owned);
  const { stored, connections } = load;
  const more = input.payload - MEASURED_PAYLOAD;
  const rowsASecond = part.need(
    "rows inserted, and deleted again",
    stored + load.membersStored + load.queued,
    "/s",
    "stored + members that are away + messages of queues",
  );
  const busy = part.need(
    "busy",
    coresOf(
      stored * (values["postgres.stored"] + values["postgres.replayed"]) + connections * values["postgres.rest"],
    ) +
      dispatchCores(load, "postgres") +
      inboxCores(load, "postgres"),
    "cores",
    `stored x (postgres.stored + postgres.replayed) + connections x postgres.rest + ${dispatchFormula("postgres")} + ${inboxFormula("postgres")}`,
  );
  const log = part.need(
    "log (WAL)",
    (rowsASecond * (Math.max(0, values["postgres.log.stored"] + more) + values["postgres.log.replayed"]) +
      load.inboxed * Math.max(0, inboxRow.log + more)) /
      MEGA,
    "MB/s",
    `rows x (postgres.log.stored + --payload - 200 + postgres.log.replayed) + to inboxes x (${inboxRow.log} + --payload - 200)`,
  );
  part.need(
    "connections of our pools",
    pods.pools * POOL_CONNECTIONS + pods.receivers,
    "",
    `(pods of directors + of distributors + of dispatchers + of couriers) x ${POOL_CONNECTIONS} + pods of receivers, at most`,
  );
  const rows = part.need(
    "rows kept",
    load.meanStored * input.storedDays * DAY,
    "",
    "(stored + members that are away) x --average x --stored-days",
  );
  const inboxes = part.need(
    "rows of inboxes",
    inboxRows(input, load),
    "",
    `to inboxes x --average x --inbox-days, and at most --clients x ${MOST_ITEMS}`,
  );
  const kept = (rows * Math.max(0, values["postgres.row"] + more) + inboxes * Math.max(0, inboxRow.kept + more)) / GIB;
  const disk = part.need(
    "disk of the primaries",
    kept / (1 - input.headroom),
    "GiB",
    `(rows kept x (postgres.row + --payload - 200) + rows of inboxes x (${inboxRow.kept} + --payload - 200)) / (1 - --headroom)`,
  );
  const shards = part.buy(
    "shards",
    largest([
      [1, "one"],
      [bought(busy, input.postgresCores, input.headroom), "busy / --postgres-cores / (1 - --headroom)"],
      [Math.ceil(disk / input.postgresDisk), "disk / --postgres-disk"],
      [bought(log, input.postgresWrite, input.headroom), "log / --postgres-write / (1 - --headroom)"],
    ]),
  );
  const nodes = part.need("nodes", shards * input.copies, "", "shards x --copies");
  return {
    lines: part.lines,
    cores: nodes * input.postgresCores,
    gib: nodes * input.postgresGib,
    diskGib: disk * input.copies,
  };
}
