import { comeBack, deep, storing } from "./offline-clients.ts";
import { fanOut } from "./fan-out.ts";
import type { Figures } from "#bench/results/figures.ts";
import { atRest, connects, idle } from "./idle-connections.ts";
import { fillInboxes } from "./inbox.ts";
import { listInboxes } from "./inbox-lists.ts";
import type { Kind } from "#tests/support/stack.ts";
import type { Profile } from "#bench/results/profiler.ts";
import { directorAlone, distributorAlone, floorAtRate, receiverAlone } from "./single-service.ts";
import { larger } from "./payload-size.ts";
import { manyConnections, manyIds, manyLanes } from "./large-redis.ts";
import { neighbours } from "./noisy-neighbours.ts";
import { queue } from "./queue.ts";
import { several } from "./scaling.ts";
import { unicast } from "./saturation.ts";

export interface Size {
  /** Divides the numbers of clients and of rows. With --quick, the result is no measurement. */
  divisor: number;
  runs: number;
  seconds: number;
  profile: ((kind: string, profile: Profile) => void) | undefined;
}

type Work = (figures: Figures, work: string, size: Size) => Promise<void>;

/** The most for a limit of 20,000 open files: a distributor keeps a tenth free. */
const MOST_CONNECTIONS = 17_000;

/** Long enough for the reconciler to check each client once. */
const REST_SECONDS = 90;

/** What it costs to follow nothing, some or everything: by turns with `--beside`. */
function followed(follow: string): Work {
  return (figures, work, { divisor, runs, seconds }) =>
    unicast(figures, work, { clients: 2_000 / divisor, rate: 5_000 / divisor, runs, seconds, follow });
}

/** A tenant without inboxes, with and without couriers: by turns with `--beside`. */
function withoutInbox(beside: readonly Kind[]): Work {
  return (figures, work, { divisor, runs, seconds }) =>
    unicast(figures, work, { clients: 500 / divisor, rate: 500 / divisor, runs, seconds, beside });
}

/** The benchmarks that run by default, in this order. */
export const works: Record<string, Work> = {
  saturation: (figures, work, { divisor, runs, seconds, profile }) =>
    unicast(figures, work, {
      clients: 2_000 / divisor,
      rate: undefined,
      runs,
      seconds,
      aims: { cpu: 3.6 },
      profile,
    }),
  "5,000/s to 2,000": (figures, work, { divisor, runs, seconds }) =>
    unicast(figures, work, { clients: 2_000 / divisor, rate: 5_000 / divisor, runs, seconds }),
  "5,000/s to 10,000": (figures, work, { divisor, runs, seconds, profile }) =>
    unicast(figures, work, {
      clients: 10_000 / divisor,
      rate: 5_000 / divisor,
      runs,
      seconds,
      aims: { p50: 8, p99: 30 },
      profile,
    }),
  "5,000/s to 10,000, floor": (figures, work, { divisor, runs, seconds }) =>
    floorAtRate(figures, work, { clients: 10_000 / divisor, rate: 5_000 / divisor, runs, seconds }),
  "larger data": (figures, work, { divisor, runs, seconds }) =>
    larger(figures, work, { clients: 2_000 / divisor, runs, seconds }),
  "receiver alone": (figures, work, { divisor, runs, seconds }) =>
    receiverAlone(figures, work, { clients: 10_000 / divisor, runs, seconds, batch: 100 }),
  "receiver alone, 128 partitions": (figures, work, { divisor, runs, seconds }) =>
    receiverAlone(figures, work, { clients: 10_000 / divisor, runs, seconds, batch: 100, partitions: 128 }),
  "receiver alone, single": (figures, work, { divisor, runs, seconds }) =>
    receiverAlone(figures, work, { clients: 10_000 / divisor, runs, seconds, batch: 1 }),
  "director alone": (figures, work, { divisor, runs, seconds }) =>
    directorAlone(figures, work, { clients: 2_000 / divisor, runs, seconds }),
  "distributor alone": (figures, work, { divisor, runs, seconds }) =>
    distributorAlone(figures, work, { clients: 2_000 / divisor, runs, seconds, aim: 1.3 }),
  connects: (figures, work, { divisor, runs, profile }) =>
    connects(figures, work, { connections: 10_000 / divisor, runs, algorithm: "EdDSA", profile }),
  "connects, RS256": (figures, work, { divisor, runs, profile }) =>
    connects(figures, work, { connections: 10_000 / divisor, runs, algorithm: "RS256", profile }),
  "idle WebSocket": (figures, work, { divisor, runs, profile }) =>
    idle(figures, work, { transport: "websocket", connections: MOST_CONNECTIONS / divisor, runs, profile }),
  "idle WebSocket, RS256": (figures, work, { divisor, runs, profile }) =>
    idle(figures, work, {
      transport: "websocket",
      connections: MOST_CONNECTIONS / divisor,
      algorithm: "RS256",
      runs,
      profile,
    }),
  "idle SSE": (figures, work, { divisor, runs, profile }) =>
    idle(figures, work, { transport: "sse", connections: MOST_CONNECTIONS / divisor, runs, profile }),
  "idle long poll": (figures, work, { divisor, runs, profile }) =>
    idle(figures, work, { transport: "poll", connections: MOST_CONNECTIONS / divisor, runs, profile }),
  "at rest": (figures, work, { divisor }) =>
    atRest(figures, work, { connections: MOST_CONNECTIONS / divisor, seconds: REST_SECONDS / divisor }),
  "come back": (figures, work, { divisor, runs, profile }) =>
    comeBack(figures, work, { clients: 5_000 / divisor, each: 20, runs, aim: 1.2, profile }),
  "come back, RS256": (figures, work, { divisor, runs, profile }) =>
    comeBack(figures, work, { clients: 5_000 / divisor, each: 20, runs, aim: 1.2, algorithm: "RS256", profile }),
  "100,000 stored": (figures, work, { divisor, runs }) => deep(figures, work, { stored: 100_000 / divisor, runs }),
  queue: (figures, work, { runs, seconds }) => queue(figures, work, { workers: 0, runs, seconds }),
  "queue, four workers": (figures, work, { runs, seconds }) => queue(figures, work, { workers: 4, runs, seconds }),
  inbox: (figures, work, { divisor, runs, seconds }) =>
    fillInboxes(figures, work, { clients: 10_000 / divisor, rate: 2_000 / divisor, runs, seconds }),
  "inbox, lists of 50": (figures, work, { divisor, runs, seconds }) =>
    listInboxes(figures, work, { clients: 100 / divisor, items: 500, limit: 50, runs, seconds }),
  "inbox, lists of 500": (figures, work, { divisor, runs, seconds }) =>
    listInboxes(figures, work, { clients: 100 / divisor, items: 500, limit: 500, runs, seconds, aim: 20 }),
  "timeline, none": followed("exceptions"),
  "timeline, one in 100": followed("100"),
  "timeline, all": followed("all"),
  storing: (figures, work, { divisor, runs }) =>
    storing(figures, work, { clients: 5_000 / divisor, rows: 200_000 / divisor, runs, aim: 30_000 }),
};

/** Each process's share of a core. Two cores are then enough for two of each, for Kafka and for the load tool. */
const SHARE = 0.1;

/** A group of offline members, beside another tenant's 500 notifications a second. */
function groupOf(members: number, elsewhere = false): Work {
  return (figures, work, { divisor, runs, seconds, profile }) =>
    fanOut(figures, work, {
      members: members / divisor,
      clients: 200 / divisor,
      rate: 500 / divisor,
      runs,
      seconds,
      profile,
      elsewhere,
    });
}

/** Measured only if the command names them. They show how it scales: with the same clients for each, or in total. */
export const largeWorks: Record<string, Work> = {
  "no inbox": withoutInbox([]),
  "no inbox, with a courier": withoutInbox(["courier"]),
  "group of 1,000,000": groupOf(1_000_000),
  "group of 100,000": groupOf(100_000),
  "group of 100,000, elsewhere": groupOf(100_000, true),
  "noisy neighbours": (figures, work, { divisor, runs, seconds }) =>
    neighbours(figures, work, { clients: 200 / divisor, rate: 500 / divisor, runs, seconds }),
  "noisy neighbours, elsewhere": (figures, work, { divisor, runs, seconds }) =>
    neighbours(figures, work, {
      clients: 200 / divisor,
      rate: 500 / divisor,
      runs,
      seconds,
      means: ["large bodies", "clients that never acknowledge", "connects and disconnects"],
      elsewhere: true,
    }),
  "one of each, a tenth of a core": (figures, work, { divisor, runs, seconds }) =>
    several(figures, work, { each: 1, clients: 2_000 / divisor, rate: undefined, share: SHARE, runs, seconds }),
  "two of each, a tenth of a core": (figures, work, { divisor, runs, seconds }) =>
    several(figures, work, { each: 2, clients: 4_000 / divisor, rate: undefined, share: SHARE, runs, seconds }),
  "one of each, 5,000/s": (figures, work, { divisor, runs, seconds }) =>
    several(figures, work, { each: 1, clients: 2_000 / divisor, rate: 5_000 / divisor, runs, seconds }),
  "two of each, 5,000/s": (figures, work, { divisor, runs, seconds }) =>
    several(figures, work, { each: 2, clients: 2_000 / divisor, rate: 5_000 / divisor, runs, seconds }),
  "one of each, saturation": (figures, work, { divisor, runs, seconds }) =>
    several(figures, work, { each: 1, clients: 2_000 / divisor, rate: undefined, runs, seconds }),
  "two of each, saturation": (figures, work, { divisor, runs, seconds }) =>
    several(figures, work, { each: 2, clients: 4_000 / divisor, rate: undefined, runs, seconds }),
  "flat, 1,000 clients": (figures, work, { divisor, runs, seconds }) =>
    unicast(figures, work, { clients: 1_000 / divisor, rate: 5_000 / divisor, runs, seconds }),
  "flat, 17,000 clients": (figures, work, { divisor, runs, seconds }) =>
    unicast(figures, work, { clients: MOST_CONNECTIONS / divisor, rate: 5_000 / divisor, runs, seconds }),
  "flat, 1,000 lanes": (figures, work, { divisor, runs, seconds }) =>
    directorAlone(figures, work, { clients: 1_000 / divisor, runs, seconds }),
  "flat, 100,000 lanes": (figures, work, { divisor, runs, seconds }) =>
    directorAlone(figures, work, { clients: 100_000 / divisor, runs, seconds }),
  "flat, storing": (figures, work, { divisor, runs }) =>
    storing(figures, work, { clients: 5_000 / divisor, rows: 200_000 / divisor, runs, aim: 30_000 }),
  "flat, storing where 1,000,000 are": (figures, work, { divisor, runs }) =>
    storing(figures, work, {
      clients: 5_000 / divisor,
      rows: 200_000 / divisor,
      runs,
      there: 1_000_000 / divisor,
      aim: 30_000,
    }),
  "flat, come back": (figures, work, { divisor, runs, profile }) =>
    comeBack(figures, work, { clients: 5_000 / divisor, each: 20, runs, profile }),
  "flat, come back where 1,000,000 are": (figures, work, { divisor, runs, profile }) =>
    comeBack(figures, work, { clients: 5_000 / divisor, each: 20, runs, there: 1_000_000 / divisor, profile }),
};

/** Take gigabytes of memory. Measured only if named, and once, because the result is the same in each run. */
export const onceWorks: Record<string, Work> = {
  "10M lanes, live": (figures, work, { divisor }) =>
    manyLanes(figures, work, { kind: "live", most: 10_000_000 / divisor }),
  "10M lanes, stored": (figures, work, { divisor }) =>
    manyLanes(figures, work, { kind: "stored", most: 10_000_000 / divisor }),
  "10M connections": (figures, work, { divisor }) => manyConnections(figures, work, { most: 10_000_000 / divisor }),
  "1M ids": (figures, work, { divisor }) => manyIds(figures, work, { most: 1_000_000 / divisor }),
};
