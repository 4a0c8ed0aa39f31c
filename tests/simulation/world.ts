import { packSequence, sequenceAt } from "@saasaparilla/shared/protocol/notification.ts";
import { writeOptions, type EndOptions } from "@saasaparilla/shared/protocol/options.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { SimulatedClient } from "./client.ts";
import { SimulatedDistributor } from "./distributor.ts";
import { Group, Member } from "./member.ts";
import { EPOCH, short, Stage, Violation, type Mutant } from "./stage.ts";

/**
 * Several clients, two distributors, and directors that take over from each other, over one partition. Each step picks
 * an actor at random: any delay, loss of a routed record, repeat, timeout, death and takeover can come between any two
 * steps. Then everything heals, and every accepted notification must have reached its client.
 */
export class World {
  readonly stage: Stage;
  readonly #group = new Group();
  #members: Member[] = [];
  readonly #distributors: SimulatedDistributor[];
  readonly #clients: SimulatedClient[];
  #ids = 0;

  constructor(seed: number, { mutant = "none", tracing = false }: { mutant?: Mutant; tracing?: boolean } = {}) {
    this.stage = new Stage(seed, mutant, tracing);
    this.#distributors = this.stage.routed.map((_, slot) => new SimulatedDistributor(this.stage, slot));
    this.#clients = ["t/a", "t/b", "u/c"].map(
      (key, index) => new SimulatedClient(this.stage, this.#distributors, key, index !== 0),
    );
    this.#takeOver();
  }

  #publish(): void {
    const writer = new PackWriter(256);
    const keys = Array.from(
      { length: 1 + this.stage.random.below(2) },
      () => this.stage.random.pick(this.#clients).key,
    );
    const items = keys.map((key) => {
      this.#ids += 1;
      const id = `00000000-0000-4000-8000-${this.#ids.toString(16).padStart(12, "0")}`;
      const options = this.#options();
      const bytes = Object.keys(options).length === 0 ? undefined : writeOptions(options);
      writer.notification({ key, id, options: bytes, payload: Buffer.from(String(this.#ids)) });
      return { id, options };
    });
    const offset = this.stage.accepted.append(writer.take(), this.stage.now);
    keys.forEach((key, index) => {
      const sequence = sequenceAt(packSequence(EPOCH, offset), index);
      this.stage.published.set(key, [...(this.stage.published.get(key) ?? []), sequence]);
      this.stage.endings.publish(items[index]!.id, { key, sequence, options: items[index]!.options });
      this.stage.note(() => `publish ${key} ${short(sequence)} ${JSON.stringify(items[index]!.options)}`);
    });
  }

  #options(): EndOptions {
    const { random, rates } = this.stage;
    const outcomes = random.in(rates.options) ? { outcomes: "outcomes" } : {};
    if (!random.in(rates.options)) return outcomes;
    return { ...outcomes, collapse: random.pick(["k", "l"]), ...(random.in(0.4) ? { retract: true } : {}) };
  }

  /**
   * The group assigns the partition: to a new process, to another member, or to its owner again. The old owner
   * continues until it learns of it.
   */
  #takeOver(): void {
    const { random } = this.stage;
    const next = random.in(0.5) ? undefined : random.pick([undefined, ...this.#members]);
    const owner = next ?? new Member(this.stage, this.#group);
    this.stage.note(() => `the group assigns the partition to ${next ? "a member" : "a new member"}`);
    this.#group.assign(owner, random.in(0.5));
    this.#members = this.#members.filter((member) => member !== owner && member.alive);
    this.#members.push(owner);
  }

  #kill(distributor: SimulatedDistributor): void {
    this.stage.note(() => `kill distributor ${distributor.slot}`);
    distributor.die();
    for (const client of this.#clients) client.lostAt(distributor);
  }

  /** Returns the ms from the last fault until everything was delivered. */
  run(steps: number): number {
    for (let step = 0; step < steps; step += 1) this.#step();
    const healed = this.stage.now;
    this.#heal();
    return this.stage.now - healed;
  }

  #step(): void {
    const { random, rates } = this.stage;
    if (random.in(rates.fault)) this.#fault();
    else if (random.in(rates.publish)) this.#publish();
    else {
      const roll = random.next();
      if (roll < 0.32) random.pick(this.#members).act();
      else if (roll < 0.64) random.pick(this.#distributors).act();
      else if (roll < 0.9) random.pick(this.#clients).act();
      else this.#pass();
    }
  }

  #pass(): void {
    this.stage.now += this.stage.random.pick([1, 10, 100, 1_000, 4_000]);
    for (const member of this.#members) member.timeouts();
    for (const distributor of this.#distributors) distributor.timeouts();
  }

  #fault(): void {
    const fault = this.stage.random.below(5);
    if (fault === 0) this.#takeOver();
    else if (fault === 1) this.#kill(this.stage.random.pick(this.#distributors));
    else if (fault === 2) this.stage.postgres.away = !this.stage.postgres.away;
    else if (fault === 3) this.stage.redisAway = !this.stage.redisAway;
    else this.stage.registry.clear();
  }

  /** No more faults: every actor gets as many turns as it needs. */
  #heal(): void {
    this.stage.note(() => "heal");
    this.stage.postgres.away = false;
    this.stage.redisAway = false;
    this.stage.losing = false;
    for (let round = 0; round < 400 + this.stage.accepted.records.length * 4; round += 1) {
      this.stage.now += 200;
      for (const member of this.#members) {
        member.timeouts();
        for (let turn = 0; turn < 6; turn += 1) member.act();
      }
      for (const distributor of this.#distributors) {
        distributor.timeouts();
        if (round % 50 === 10) distributor.safetyNet();
        for (let turn = 0; turn < 12; turn += 1) distributor.act();
      }
      for (const client of this.#clients) client.heal();
      if (round > 20 && this.#missing().length === 0) {
        this.stage.checkOutcomes();
        return;
      }
    }
    throw new Violation(this.stage, `not everything was delivered: ${this.#missing().join(", ")}`);
  }

  #missing(): string[] {
    const { stage } = this;
    return this.#clients.flatMap(({ key }) =>
      (stage.published.get(key) ?? [])
        .filter((sequence) => !stage.has(key, sequence) && !stage.endings.needNotArrive(key, sequence))
        .map((sequence) => `${key} ${short(sequence)}`),
    );
  }
}
