import { packSequence, sequenceAt, START, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { SeededRandom } from "#tests/support/seeded-random.ts";
import { Ownership } from "#services/director/partitions/ownership.ts";
import { SimulatedDirector, type Membership } from "./director.ts";
import { SimulatedDistributor, type Wire } from "./distributor.ts";
import { EPOCH, PARTITION, short, Stage, Violation } from "./stage.ts";

/** An event of one client: a publish, or one of its connections connects, acknowledges all it has, or dies. */
export type Event = "publish" | `${"connect" | "ack" | "die"} ${Name}`;
export type Name = "A" | "B" | "C";

/** Picks steps in order, so that the end is known, or at random. It adds no faults. */
class Scheduler extends SeededRandom {
  orderly = false;
  /** The number of choices in the last pick. */
  choices = 0;

  override pick<T>(list: readonly T[]): T {
    this.choices = list.length;
    return this.orderly ? list.at(-1)! : super.pick(list);
  }

  override in(): boolean {
    return false;
  }
}

class OrderlyStage extends Stage {
  override readonly random: Scheduler;

  constructor(seed: number, tracing: boolean) {
    super(seed, "none", tracing);
    this.random = new Scheduler(seed);
    this.losing = false;
  }
}

interface Connection {
  distributor: SimulatedDistributor;
  wire: Wire;
  received: Sequence[];
}

const KEY = "t/a";

/** No other director takes the partition. */
const ONLY_MEMBER: Membership = {
  accepted: true,
  committed: () => {},
  awaitRevocation: () => {},
  rejoin: () => {},
  disagree: () => {},
};

/**
 * One client's connections and one order of events. Between two events the platform comes to rest, or makes only the
 * given number of steps. `stage.received` has the acknowledged notifications: merely sent ones do not count.
 */
export class AckOrdering {
  readonly #stage: OrderlyStage;
  readonly #director: SimulatedDirector;
  readonly #distributors: readonly SimulatedDistributor[];
  readonly #connections = new Map<string, Connection>();
  readonly #acknowledged = new Set<Sequence>();
  readonly #published: Sequence[] = [];

  constructor(seed: number, tracing: boolean) {
    this.#stage = new OrderlyStage(seed, tracing);
    this.#stage.published.set(KEY, this.#published);
    this.#stage.received.set(KEY, this.#acknowledged);
    this.#distributors = this.#stage.routed.map((_, slot) => new SimulatedDistributor(this.#stage, slot));
    const claim = new PackWriter(128);
    claim.signal({ type: "claim", director: "simulated" });
    const generation = this.#stage.control.append(claim.take(), this.#stage.now);
    const ownership = Object.assign(new Ownership(PARTITION), { state: "OWNED", generation });
    this.#director = new SimulatedDirector(this.#stage, ownership, ONLY_MEMBER);
  }

  /** Throws on a broken promise. `apart`: A is at one distributor, the others at another. */
  run(events: readonly Event[], apart: boolean, pace: "at rest" | "in haste"): void {
    for (const event of events) {
      this.#stage.note(() => event);
      this.#happen(event, apart);
      if (pace === "at rest") this.#settle();
      else this.#go(this.#stage.random.below(24));
    }
    this.#settle();
    for (const [name, { received }] of this.#connections) this.#expectAll(name, received);
    for (const name of this.#connections.keys()) this.#die(name);
    this.#settle();
    for (const sequence of this.#published) {
      if (this.#stage.postgres.has(KEY, sequence) === this.#acknowledged.has(sequence))
        throw this.#violation(
          `${short(sequence)} is ${this.#acknowledged.has(sequence) ? "stored, though" : "not stored, nor"} acknowledged`,
        );
    }
    if (this.#stage.committed !== this.#stage.accepted.records.length)
      throw this.#violation(`only ${this.#stage.committed} of ${this.#stage.accepted.records.length} are committed`);
    this.#connect("later", 0);
    this.#settle();
    this.#expectAll("later", this.#connections.get("later")!.received);
  }

  #happen(event: Event, apart: boolean): void {
    const [what, name] = event.split(" ") as [string, Name];
    if (what === "publish") this.#publish();
    else if (what === "connect") this.#connect(name, apart && name !== "A" ? 1 : 0);
    else if (what === "ack") this.#acknowledge(this.#connections.get(name)!);
    else this.#die(name);
  }

  #publish(): void {
    const { accepted, now } = this.#stage;
    const writer = new PackWriter(256);
    const id = (accepted.records.length + 1).toString(16).padStart(32, "0");
    writer.notification({ key: KEY, id, payload: Buffer.from("1") });
    this.#published.push(sequenceAt(packSequence(EPOCH, accepted.append(writer.take(), now)), 0));
  }

  /** Without a cursor: it must get every unacknowledged notification. */
  #connect(name: string, slot: number): void {
    const distributor = this.#distributors[slot]!;
    this.#connections.set(name, {
      distributor,
      wire: distributor.connect(KEY, START, { acknowledges: true, retracts: false }),
      received: [],
    });
  }

  #acknowledge({ distributor, wire, received }: Connection): void {
    const last = received.at(-1);
    if (last === undefined) return;
    // Before the step, because the stage refuses to settle what its client has not acknowledged.
    for (const sequence of this.#published) if (sequence <= last) this.#acknowledged.add(sequence);
    distributor.step(wire.session, { type: "ack", sequence: last });
  }

  #die(name: string): void {
    const { distributor, wire } = this.#connections.get(name)!;
    this.#connections.delete(name);
    distributor.disconnect(wire);
  }

  #settle(): void {
    const { random: chance } = this.#stage;
    chance.orderly = true;
    for (let busy = true; busy;) {
      this.#director.act();
      // It can always commit.
      busy = chance.choices > 1;
      for (const distributor of this.#distributors) {
        chance.choices = 0;
        distributor.act();
        busy ||= chance.choices > 0;
      }
      for (const [name, connection] of this.#connections) busy = this.#read(name, connection) || busy;
    }
    chance.orderly = false;
  }

  #go(steps: number): void {
    const { random: chance } = this.#stage;
    for (let step = 0; step < steps; step += 1) {
      const actor = chance.below(4);
      if (actor === 0) this.#director.act();
      else if (actor === 3) for (const [name, connection] of this.#connections) this.#read(name, connection);
      else this.#distributors[actor - 1]!.act();
    }
  }

  /**
   * Everything in order, once, without a gap except for acknowledged ones: so nothing new comes before replayed
   * notifications.
   */
  #read(name: string, { distributor, wire, received }: Connection): boolean {
    const rows = wire.rows.splice(0);
    wire.given = rows.at(-1)?.sequence ?? wire.given;
    for (const { sequence } of rows) {
      const last = received.at(-1) ?? START;
      this.#stage.note(() => `${name} receives ${short(sequence)}`);
      if (sequence <= last) throw this.#violation(`${name} got ${short(sequence)} after ${short(last)}`);
      received.push(sequence);
      this.#expectAll(name, received, sequence);
    }
    if (rows.length > 0) distributor.drained(wire);
    return rows.length > 0;
  }

  #expectAll(name: string, received: readonly Sequence[], upTo = this.#published.at(-1) ?? START): void {
    const missed = this.#published.filter(
      (sequence) => sequence <= upTo && !received.includes(sequence) && !this.#acknowledged.has(sequence),
    );
    if (missed.length > 0) throw this.#violation(`${name} misses ${missed.map(short).join(" ")}`);
    const needless = name === "later" ? received.filter((sequence) => this.#acknowledged.has(sequence)) : [];
    if (needless.length > 0)
      throw this.#violation(`${name} got what was acknowledged: ${needless.map(short).join(" ")}`);
  }

  #violation(what: string): Violation {
    return new Violation(this.#stage, what);
  }
}

/**
 * Every order of these events in which a connection connects, acknowledges and dies in this sequence, and A connects
 * before B before C.
 */
export function ackOrderingsOf(publishes: number, connections: Partial<Record<Name, readonly Event[]>>): Event[][] {
  const lines: (readonly Event[])[] = [
    Array.from({ length: publishes }, () => "publish" as const),
    ...Object.values(connections),
  ];
  const orders: Event[][] = [];
  const taken = lines.map(() => 0);
  const order: Event[] = [];
  const extend = (): void => {
    let ended = true;
    lines.forEach((line, index) => {
      const event = line[taken[index]!];
      if (event === undefined) return;
      ended = false;
      // Connections are equivalent until one is there.
      if (index > 1 && taken[index] === 0 && taken[index - 1] === 0) return;
      taken[index]! += 1;
      order.push(event);
      extend();
      order.pop();
      taken[index]! -= 1;
    });
    if (ended) orders.push([...order]);
  };
  extend();
  return orders;
}

/** A connection that acknowledges the given number of times, and dies or stays. */
export function lifeOf(name: Name, acks: number, dies: boolean): Event[] {
  const acknowledged = Array.from({ length: acks }, () => `ack ${name}` as const);
  return [`connect ${name}`, ...acknowledged, ...(dies ? [`die ${name}` as const] : [])];
}
