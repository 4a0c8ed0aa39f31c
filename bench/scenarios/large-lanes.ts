import { packSequence, sequenceAt } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { Lane } from "#services/director/lanes/lane.ts";
import { Ownership } from "#services/director/partitions/ownership.ts";
import { PartitionLanes } from "#services/director/partitions/partition.ts";
import type { PartitionOptions } from "#services/director/partitions/partition-options.ts";
import { LaneTimers } from "#services/director/partitions/lane-timers.ts";
import { clientName, dataOf } from "#bench/load/load-publisher.ts";

/**
 * A process of its own: a director's lanes in their real partitions, with neither Kafka nor stores. It says on standard
 * output, at each of the numbers that it is given, what so many take.
 *
 *   node --expose-gc bench/scenarios/large-lanes.ts live|stored NUMBER...
 */
export type LaneKind = "live" | "stored";

export interface LanesTake {
  count: number;
  heap: number;
  resident: number;
}

/** As many as a partition has where 512 of them share 100 million clients. */
const LANES_OF_PARTITION = 200_000;
const AT_ONCE = 1_000;
const SLOTS = 128;
const INCARNATION = 2 ** 47;
const EPOCH = 2;
const GENERATION = 0;
/** Of the clock, for each thousand: lanes are parked while others come. */
const STEP_MS = 100;
/** After it no timer stands for a hold that is over. */
const LATER_MS = 60_000;
const LIMITS = {
  lane: {
    window: 256,
    maxQueued: 1_024,
    maxBytes: 1 << 20,
    ackMs: 10_000,
    holdMs: 5_000,
    inviteMs: 2_000,
    tries: 3,
  },
  maxLanes: LANES_OF_PARTITION,
  maxUnsettled: 50_000,
  maxBytes: 64 << 20,
  weightOf: () => 1,
};
const PAYLOAD = Buffer.from(dataOf(0, 0));

let now = 1;
const laneTimers = new LaneTimers(now);

function unexpected(): never {
  throw new Error("A lane did what it was not to do.");
}

class Filled {
  readonly #lanes: PartitionLanes;
  readonly #writer = new PackWriter(1 << 16);
  #held: { lane: Lane; session: number; hold: number }[] = [];
  /** Answers of stores: none comes before who asked has returned. */
  #answers: (() => void)[] = [];
  #control = GENERATION + 1;
  #accepted = 0;

  constructor(partition: number) {
    const later = (answer: () => void): void => void this.#answers.push(answer);
    const options: PartitionOptions = {
      claim: {
        ownership: Object.assign(new Ownership(partition), { state: "OWNED" as const, generation: GENERATION }),
        deferred: { committed: 0, end: 0 },
        oldest: 0,
      },
      epoch: EPOCH,
      limits: LIMITS,
      clock: { monotonic: () => now, wall: () => now },
    };
    this.#lanes = new PartitionLanes(options, (lanes) => ({
      findEnd: unexpected,
      lookUp: (lane) => later(() => lanes.dispatch(lane, { type: "found", connections: [] })),
      store: (lane, { length }) => later(() => lanes.dispatch(lane, { type: "inserted", count: length })),
      held: (lane, { session, hold }) => this.#held.push({ lane, session, hold }),
      invite: unexpected,
      demote: unexpected,
      send: unexpected,
      deleteStored: unexpected,
      settled: () => {},
      taken: unexpected,
      losing: unexpected,
      outcome: unexpected,
      arm: (lane) => laneTimers.arm(lanes, lane),
      deadLetter: unexpected,
      duplicate: unexpected,
      skipped: unexpected,
      superseded: unexpected,
    }));
    this.#lanes.begin(0);
  }

  get size(): number {
    return this.#lanes.lanes.size;
  }

  /** Connected, and live. */
  live(from: number, to: number): void {
    for (let client = from; client < to; client += 1) {
      const sent = sentTo(client);
      const signal = { type: "prepare", key: keyOf(client), ...idOf(client), sent, acked: sent, acknowledges: true };
      this.#writer.signal(signal);
    }
    this.#readControl();
    for (const { lane, session, hold } of this.#held) {
      const sent = sentTo(session);
      this.#writer.signal({ type: "commit", key: lane.key, generation: GENERATION, ...idOf(session), hold, sent });
    }
    this.#held = [];
    this.#readControl();
  }

  /** Away, and something is stored. */
  stored(from: number, to: number): void {
    for (let client = from; client < to; client += 1) {
      const id = client.toString(16).padStart(32, "0");
      this.#writer.notification({ key: keyOf(client), id, payload: PAYLOAD });
    }
    this.#lanes.accepted(this.#batch("accepted", this.#accepted));
    this.#accepted += 1;
    this.#answer();
    this.#lanes.commit();
  }

  /** As the director does once a second: what nothing happens with becomes small. */
  park(): void {
    for (let times = 0; times < 4; times += 1) this.#lanes.lanes.park(1);
  }

  #readControl(): void {
    void this.#lanes.control(this.#batch("control", this.#control));
    this.#control += 1;
    this.#answer();
  }

  #batch(topic: string, offset: number) {
    const records = [{ offset, appended: now, value: this.#writer.take(), headers: {} }];
    return { topic, partition: this.#lanes.partition, records, highWatermark: 0 };
  }

  #answer(): void {
    while (this.#answers.length > 0) for (const answer of this.#answers.splice(0)) answer();
  }
}

function keyOf(client: number): string {
  return `acme/${clientName(client)}`;
}

function idOf(client: number) {
  return { slot: client % SLOTS, incarnation: INCARNATION + (client % SLOTS), session: client };
}

function sentTo(client: number): string {
  return sequenceAt(packSequence(EPOCH - 1, client), 0);
}

function takes(count: number): LanesTake {
  now += LATER_MS;
  laneTimers.advance(now);
  for (const partition of partitions) partition.park();
  for (let times = 0; times < 3; times += 1) global.gc!();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { count, heap: heapUsed + external, resident: rss };
}

const [kind, ...numbers] = process.argv.slice(2) as [LaneKind, ...string[]];
// What is compiled, and allocated once, is no lane's.
new Filled(0)[kind](0, AT_ONCE);
const partitions: Filled[] = [];
const before = takes(0);
let count = 0;
for (const number of numbers.map(Number)) {
  while (count < number) {
    if ((partitions.at(-1)?.size ?? LANES_OF_PARTITION) >= LANES_OF_PARTITION)
      partitions.push(new Filled(partitions.length));
    const partition = partitions.at(-1)!;
    partition[kind](count, count + AT_ONCE);
    now += STEP_MS;
    laneTimers.advance(now);
    partition.park();
    count += AT_ONCE;
  }
  const known = partitions.reduce((sum, { size }) => sum + size, 0);
  if (known !== count) throw new Error(`${known} lanes are known, and not ${count}.`);
  const { heap, resident } = takes(count);
  console.log(JSON.stringify({ count, heap: heap - before.heap, resident: resident - before.resident }));
}
