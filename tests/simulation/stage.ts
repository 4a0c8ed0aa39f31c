import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { ConnectionId } from "@saasaparilla/shared/protocol/control-messages.ts";
import type { Row } from "#services/distributor/sessions/session.ts";
import { SeededRandom } from "#tests/support/seeded-random.ts";
import type { Outcome } from "@saasaparilla/shared/protocol/outcome.ts";
import { Log, Postgres } from "./backing.ts";
import { Endings } from "./endings.ts";

export const PARTITION = 0;
export const EPOCH = 1;

/** Deliberate faults of an actor of the simulation; mutants.ts breaks the machines themselves. */
export type Mutant =
  | "none"
  | "no read under the hold"
  | "commit before insert"
  | "replay skipped"
  | "direct insert beside an undrained deferred"
  | "held before deferred is drained"
  | "deferred past what is queued"
  | "what waits in the outbox counts as given"
  | "every cursor is known"
  | "a replacement deletes all before it"
  | "an outcome after the settlement"
  | "a distributor that deletes what asks for an outcome"
  | "wake-ups lost"
  | "wake-ups lost, no safety net";

/** The actors' shared state: time, chance, the stores, and the events so far. */
export class Stage {
  readonly random: SeededRandom;
  readonly mutant: Mutant;
  readonly accepted = new Log();
  readonly control = new Log();
  readonly deferred = new Log();
  readonly routed = [new Log(), new Log()];
  readonly postgres = new Postgres();
  readonly endings = new Endings();
  readonly registry = new Map<ClientKey, Map<string, ConnectionId>>();
  /** The present incarnations, by slot. */
  readonly incarnations = [1_000, 2_000];
  readonly published = new Map<ClientKey, Sequence[]>();
  readonly received = new Map<ClientKey, Set<Sequence>>();
  readonly trace: string[] = [];
  /** The group's committed offset of accepted. */
  committed = 0;
  /** The group's committed offset of deferred. */
  drained = 0;
  /**
   * The weights of this run (swarm testing, Groce et al. 2012): an event that is rare in one run is common in another.
   */
  readonly rates: Readonly<
    Record<
      "publish" | "fault" | "connect" | "disconnect" | "halfOpen" | "lose" | "madeUp" | "mostUnsettled" | "options",
      number
    >
  >;
  now = 1_000;
  redisAway = false;
  /** Until everything heals, routed records get lost and sockets become half open. */
  losing = true;

  readonly #tracing: boolean;

  constructor(seed: number, mutant: Mutant, tracing: boolean) {
    this.#tracing = tracing;
    this.random = new SeededRandom(seed);
    this.rates = {
      publish: this.random.pick([0.04, 0.08, 0.14]),
      fault: this.random.pick([0.003, 0.015, 0.03]),
      connect: this.random.pick([0.03, 0.06, 0.12]),
      disconnect: this.random.pick([0.01, 0.03, 0.05]),
      halfOpen: this.random.pick([0, 0, 0.01, 0.03]),
      lose: this.random.pick([0, 0, 0.02, 0.06]),
      madeUp: this.random.pick([0, 0, 0.02, 0.05]),
      options: this.random.pick([0, 0, 0.2, 0.5]),
      mostUnsettled: this.random.pick([16, 30, 1_000, 1_000]),
    };
    this.mutant = mutant;
  }

  /** Written only on request: a failed run is repeated for its trace. */
  note(tell: () => string): void {
    if (this.#tracing) this.trace.push(`${this.now} ${tell()}`);
  }

  has(key: ClientKey, sequence: Sequence): boolean {
    return this.received.get(key)?.has(sequence) ?? false;
  }

  #isDeferred(sequence: Sequence): boolean {
    return this.deferred.records.slice(this.drained).some(({ value }) => value!.includes(sequence, 0, "latin1"));
  }

  /** A session acknowledges only notifications that its client has, or does not need. */
  checkAcknowledged(key: ClientKey, upTo: Sequence): void {
    const early = (this.published.get(key) ?? []).filter(
      (sequence) => sequence <= upTo && !this.has(key, sequence) && !this.endings.needNotArrive(key, sequence),
    );
    if (early.length > 0)
      throw new Violation(this, `${key} ${short(upTo)} is acknowledged without ${early.map(short).join(" ")}`);
  }

  /** One transaction: insert, delete what is replaced, append the outcomes, commit. */
  store(client: ClientKey, rows: readonly Row[]): void {
    const { postgres, endings } = this;
    for (const { sequence } of this.mutant === "a replacement deletes all before it" ? rows : []) {
      if (endings.of(sequence)?.collapse === undefined) continue;
      for (const asking of postgres.deleteUpTo(client, sequence, false)) endings.append(asking.sequence, "replaced");
    }
    for (const { sequence } of postgres.insert(client, rows))
      if (endings.of(sequence)?.outcomes !== undefined) this.ended(client, sequence, "replaced");
  }

  /** A director deletes acknowledged rows, and appends their outcomes. */
  acknowledge(client: ClientKey, upTo: Sequence): void {
    for (const { sequence } of this.postgres.deleteUpTo(client, upTo, false))
      this.ended(client, sequence, "acknowledged");
  }

  /** An outcome reaches its queue. */
  ended(key: ClientKey, sequence: Sequence, outcome: Outcome): void {
    this.note(() => `${key} ${short(sequence)}: outcome ${outcome}`);
    const { endings } = this;
    const replaced = endings.replaced(key, sequence);
    const wrong = outcome === "acknowledged" ? !this.has(key, sequence) && !endings.isRetract(sequence) : true;
    if (wrong && !replaced) throw new Violation(this, `${key} ${short(sequence)} has the wrong outcome ${outcome}`);
    endings.append(sequence, outcome);
  }

  /** Every settled notification that asks has an outcome, or will have one when its row is deleted. */
  checkOutcomes(): void {
    for (const [key, sequences] of this.published) {
      for (const sequence of sequences) {
        const above = Number.parseInt(sequence.slice(4, 16), 16) >= this.committed;
        if (above || !this.endings.owed(sequence)) continue;
        if (!this.postgres.has(key, sequence) && !this.#isDeferred(sequence))
          throw new Violation(this, `${key} ${short(sequence)} is settled without an outcome`);
      }
    }
  }

  commit(offset: number): void {
    if (offset < this.committed) throw new Violation(this, `${offset} is committed after ${this.committed}`);
    this.committed = offset;
    for (const [key, sequences] of this.published) {
      for (const sequence of sequences) {
        const above = Number.parseInt(sequence.slice(4, 16), 16) >= this.committed;
        if (above || this.has(key, sequence) || this.postgres.has(key, sequence) || this.#isDeferred(sequence))
          continue;
        if (this.endings.needNotArrive(key, sequence)) continue;
        throw new Violation(this, `${this.committed} was committed, and ${key} ${short(sequence)} is nowhere`);
      }
    }
    this.checkOutcomes();
  }
}

export class Violation extends Error {
  override readonly name = "Violation";

  constructor(stage: Stage, what: string) {
    super(`${what}\n${stage.trace.slice(-60).join("\n")}`);
  }
}

/** Offset and index, which are enough in a trace. */
export function short(sequence: Sequence): string {
  return `${Number.parseInt(sequence.slice(4, 16), 16)}.${Number.parseInt(sequence.slice(16), 16)}`;
}
