import { packSequence, sequenceAt, type ClientKey, type Sequence } from "@saasaparilla/shared/notification.ts";
import { idBytes, PackWriter } from "@saasaparilla/shared/pack.ts";
import type { ConnectionId } from "@saasaparilla/shared/signals.ts";
import { Chance, Log, Postgres } from "./backing.ts";
import { SimulatedClient } from "./client.ts";
import { SimulatedDirector } from "./director.ts";
import { SimulatedDistributor } from "./distributor.ts";

export const PARTITION = 0;
export const EPOCH = 1;

/** What is broken on purpose, to see that the properties notice. */
export type Mutant =
  | "none"
  | "live without the hold"
  | "no read under the hold"
  | "commit before insert"
  | "replay skipped"
  | "zombie not fenced"
  | "refusals ignored"
  | "window not given";

export interface Plan {
  seed: number;
  steps: number;
  mutant?: Mutant;
}

/**
 * Several clients, two distributors, a director and the zombies it replaced, over one partition. At each step chance picks
 * who acts: any delay, loss of a routed record, repeat, timeout, death and takeover can come between any two steps. Then
 * everything heals, and all that was accepted must have reached its client.
 */
export class World {
  readonly chance: Chance;
  readonly mutant: Mutant;
  readonly accepted = new Log();
  readonly control = new Log();
  readonly routed = [new Log(), new Log()];
  readonly postgres = new Postgres();
  readonly registry = new Map<ClientKey, Map<string, ConnectionId>>();
  readonly published = new Map<ClientKey, Sequence[]>();
  readonly trace: string[] = [];
  directors: SimulatedDirector[] = [];
  readonly distributors: SimulatedDistributor[];
  readonly clients: SimulatedClient[];
  /** The group's committed offset of accepted. */
  committed = 0;
  now = 1_000;
  redisAway = false;
  #ids = 0;

  constructor({ seed, mutant = "none" }: Plan) {
    this.chance = new Chance(seed);
    this.mutant = mutant;
    this.distributors = this.routed.map((_, slot) => new SimulatedDistributor(this, slot));
    this.clients = ["t/a", "t/b", "t/c"].map((key, index) => new SimulatedClient(this, key, index === 2));
    this.takeOver();
  }

  get owner(): SimulatedDirector {
    return this.directors.at(-1)!;
  }

  note(text: string): void {
    this.trace.push(`${this.now} ${text}`);
  }

  publish(): void {
    const writer = new PackWriter(256);
    const keys = Array.from({ length: 1 + this.chance.below(2) }, () => this.chance.of(this.clients).key);
    for (const key of keys) {
      this.#ids += 1;
      writer.notification({
        key,
        id: idBytes(this.#ids.toString(16).padStart(32, "0")),
        payload: Buffer.from(String(this.#ids)),
      });
    }
    const offset = this.accepted.append(writer.take(), this.now);
    keys.forEach((key, index) => {
      const sequence = sequenceAt(packSequence(EPOCH, offset), index);
      this.published.set(key, [...(this.published.get(key) ?? []), sequence]);
      this.note(`publish ${key} ${short(sequence)}`);
    });
  }

  /** A new director claims the partition; the old one goes on until it reads the claim. */
  takeOver(): void {
    const claim = new PackWriter(128);
    claim.signal({ type: "claim", director: "simulated" });
    const generation = this.control.append(claim.take(), this.now);
    this.note(`takeover: generation ${generation} from ${this.committed}`);
    this.directors = [...this.directors.filter(({ alive }) => alive), new SimulatedDirector(this, generation)];
  }

  kill(distributor: SimulatedDistributor): void {
    this.note(`kill distributor ${distributor.slot}`);
    distributor.die();
    for (const client of this.clients) client.lostAt(distributor);
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step += 1) this.#step();
    this.heal();
  }

  #step(): void {
    const roll = this.chance.next();
    if (roll < 0.12) this.publish();
    else if (roll < 0.4) this.chance.of(this.directors).act();
    else if (roll < 0.68) this.chance.of(this.distributors).act();
    else if (roll < 0.9) this.chance.of(this.clients).act();
    else if (roll < 0.985) this.#pass();
    else this.#fault();
  }

  #pass(): void {
    this.now += this.chance.of([1, 10, 100, 1_000, 4_000]);
    for (const director of this.directors) director.timeouts();
    for (const distributor of this.distributors) distributor.timeouts();
  }

  #fault(): void {
    const fault = this.chance.below(6);
    if (fault === 0) this.takeOver();
    else if (fault === 1) this.kill(this.chance.of(this.distributors));
    else if (fault === 2) this.postgres.away = !this.postgres.away;
    else if (fault === 3) this.redisAway = !this.redisAway;
    else if (fault === 4) this.registry.clear();
    else this.chance.of(this.distributors).loseNext = true;
  }

  /** No more faults: everybody gets as many turns as it takes. */
  heal(): void {
    this.note("heal");
    this.postgres.away = false;
    this.redisAway = false;
    for (const distributor of this.distributors) distributor.loseNext = false;
    for (let round = 0; round < 400; round += 1) {
      this.now += 200;
      for (const director of this.directors) {
        director.timeouts();
        for (let turn = 0; turn < 6; turn += 1) director.act();
      }
      for (const distributor of this.distributors) {
        distributor.timeouts();
        if (round % 50 === 10) distributor.safetyNet();
        for (let turn = 0; turn < 12; turn += 1) distributor.act();
      }
      for (const client of this.clients) client.heal();
      if (round > 20 && this.delivered()) return;
    }
    throw new Violation(this, `not everything was delivered: ${this.missing().join(", ")}`);
  }

  delivered(): boolean {
    return this.missing().length === 0;
  }

  missing(): string[] {
    return this.clients.flatMap(({ key, has }) =>
      (this.published.get(key) ?? [])
        .filter((sequence) => !has.has(sequence))
        .map((sequence) => `${key} ${short(sequence)}`),
    );
  }
}

export class Violation extends Error {
  override readonly name = "Violation";

  constructor(world: World, what: string) {
    super(`${what}\n${world.trace.slice(-60).join("\n")}`);
  }
}

/** Offset and index: enough to read a trace by. */
export function short(sequence: Sequence): string {
  return `${Number.parseInt(sequence.slice(4, 16), 16)}.${Number.parseInt(sequence.slice(16), 16)}`;
}
