import { PackWriter } from "@saasaparilla/shared/pack.ts";
import type { RoutedSignal } from "@saasaparilla/shared/signals.ts";
import type { Entry, Lane } from "../../services/director/lane.ts";
import { PartitionLanes } from "../../services/director/partition.ts";
import { Timers } from "../../services/director/timers.ts";
import { EPOCH, PARTITION, short, Violation, type World } from "./world.ts";

/** The real lanes of one partition, with simulated reads, inserts, look-ups and sends. */
export class SimulatedDirector {
  readonly generation: number;
  readonly #world: World;
  readonly #lanes: PartitionLanes;
  readonly #timers: Timers;
  #read: number;
  #readControl: number;
  /** Not yet in Postgres, in order. */
  #inserts: { lane: Lane; entries: Entry[] }[] = [];
  #lookUps: Lane[] = [];
  /** Sent by its producer, not yet in the topic. */
  #sends: { slot: number; write: (writer: PackWriter) => void }[] = [];

  constructor(world: World, generation: number) {
    this.#world = world;
    this.generation = generation;
    this.#read = world.committed;
    this.#readControl = Math.max(0, generation - 3);
    this.#timers = new Timers(world.now);
    const signal = (slot: number, rest: Record<string, unknown>): void => {
      world.note(`g${generation} -> s${slot} ${JSON.stringify(rest)}`);
      this.#sends.push({
        slot,
        write: (writer) => writer.signal({ partition: PARTITION, generation, ...rest } as RoutedSignal),
      });
    };
    this.#lanes = new PartitionLanes({
      partition: PARTITION,
      generation,
      epoch: EPOCH,
      end: world.accepted.records.length,
      limits: { window: 4, maxQueued: 8, maxBytes: 1e6, ackMs: 5_000, holdMs: 3_000, inviteMs: 1_000, tries: 2 },
      maxLanes: 2,
      clock: { monotonic: () => world.now, wall: () => world.now },
      out: {
        lookUp: (lane) => this.#lookUps.push(lane),
        invite: ({ key }, { slot, incarnation, session }) =>
          signal(slot, { type: "invite", incarnation, session, key }),
        held: (_, { slot, incarnation, session, hold }) => signal(slot, { type: "held", incarnation, session, hold }),
        demote: (_, { slot, incarnation, session }, reason, resume) =>
          signal(slot, { type: "demoted", incarnation, session, reason, ...(resume === undefined ? {} : { resume }) }),
        send: (_, { slot, incarnation, session, sent }, { sequence, appended, body }) => {
          world.note(`g${generation} -> s${slot} deliver ${short(sequence)} after ${short(sent)} to ${session}`);
          this.#sends.push({
            slot,
            write: (writer) =>
              writer.deliver({
                incarnation,
                session,
                partition: PARTITION,
                generation,
                appended,
                prev: sent,
                sequence,
                body,
              }),
          });
        },
        store: (lane, entries) => this.#inserts.push({ lane, entries }),
        deleteStored: (lane, upTo) => world.postgres.deleteUpTo(lane.key, upTo),
      },
      settled: (lane, { sequence }, how) => world.note(`g${generation} ${lane.key} ${short(sequence)} ${how}`),
      arm: (partition, lane) => this.#timers.arm(partition, lane),
      deadLetter: (_, reason) => {
        throw new Violation(world, `a record was rejected: ${reason}`);
      },
      duplicate: () => {
        throw new Violation(world, "a notification was taken for a repeat");
      },
      superseded: () => world.note(`g${generation} reads that it is superseded`),
    });
  }

  get alive(): boolean {
    return this.#lanes.owned || this.#sends.length > 0;
  }

  timeouts(): void {
    this.#timers.advance(this.#world.now);
  }

  act(): void {
    const world = this.#world;
    switch (world.chance.below(6)) {
      case 0:
        this.#readAccepted();
        break;
      case 1:
        this.#readOneControl();
        break;
      case 2:
        this.#insert();
        break;
      case 3:
        this.#lookUp();
        break;
      case 4:
        this.#send();
        break;
      default:
        this.#commit();
    }
  }

  #readAccepted(): void {
    const record = this.#world.accepted.records[this.#read];
    if (!record || !this.#lanes.owned) return;
    this.#read += 1;
    this.#lanes.accepted({ topic: "accepted", partition: PARTITION, records: [record], highWatermark: 0 });
  }

  #readOneControl(): void {
    const record = this.#world.control.records[this.#readControl];
    if (!record) return;
    this.#readControl += 1;
    this.#lanes.control({ topic: "control", partition: PARTITION, records: [record], highWatermark: 0 });
  }

  /** Inserts may end in Postgres long after another director took over. */
  #insert(): void {
    const world = this.#world;
    const job = this.#inserts[0];
    if (!job || world.postgres.away) return;
    this.#inserts.shift();
    world.postgres.insert(job.lane.key, job.entries);
    world.note(
      `g${this.generation} stored ${job.lane.key} ${job.entries.map(({ sequence }) => short(sequence)).join(" ")}`,
    );
    this.#lanes.dispatch(job.lane, { type: "inserted", count: job.entries.length });
  }

  #lookUp(): void {
    const world = this.#world;
    const lane = this.#lookUps[0];
    if (!lane || world.redisAway) return;
    this.#lookUps.shift();
    const connections = [...(world.registry.get(lane.key)?.values() ?? [])].filter(
      ({ slot, incarnation }) => world.distributors[slot]!.incarnation === incarnation,
    );
    this.#lanes.dispatch(lane, { type: "found", connections });
  }

  /** What its producer has queued gets into the topic, now and then twice. */
  #send(): void {
    const world = this.#world;
    const send = this.#sends.shift();
    if (!send) return;
    const writer = new PackWriter(256);
    send.write(writer);
    const value = writer.take();
    world.routed[send.slot]!.append(value, world.now);
    if (world.chance.in(0.03)) world.routed[send.slot]!.append(value, world.now);
  }

  #commit(): void {
    const world = this.#world;
    const offset = world.mutant === "commit before insert" && this.#lanes.owned ? this.#read : this.#lanes.commit();
    // The group refuses the commit of one that is not its member any more.
    if (offset === undefined || world.owner !== this) return;
    world.committed = Math.max(world.committed, offset);
    for (const { key, has } of world.clients) {
      for (const sequence of world.published.get(key) ?? []) {
        const settled =
          Number.parseInt(sequence.slice(4, 16), 16) >= world.committed ||
          has.has(sequence) ||
          world.postgres.has(key, sequence);
        if (!settled)
          throw new Violation(world, `${world.committed} was committed, and ${key} ${short(sequence)} is nowhere`);
      }
    }
  }
}
