import type { ClientKey, Sequence } from "@saasaparilla/shared/notification.ts";
import type { ConnectionId } from "@saasaparilla/shared/signals.ts";
import { Chance, Log, Postgres } from "./backing.ts";

export const PARTITION = 0;
export const EPOCH = 1;

/** What is broken on purpose, to see that the properties notice. */
export type Mutant =
  | "none"
  | "no read under the hold"
  | "commit before insert"
  | "replay skipped"
  | "direct insert beside an undrained deferred"
  | "held before deferred is drained";

/** What the actors share: time, chance, the stores, and what has happened so far. */
export class Stage {
  readonly chance: Chance;
  readonly mutant: Mutant;
  readonly accepted = new Log();
  readonly control = new Log();
  readonly deferred = new Log();
  readonly routed = [new Log(), new Log()];
  readonly postgres = new Postgres();
  readonly registry = new Map<ClientKey, Map<string, ConnectionId>>();
  /** By slot. */
  readonly incarnations = [1_000, 2_000];
  readonly published = new Map<ClientKey, Sequence[]>();
  readonly received = new Map<ClientKey, Set<Sequence>>();
  readonly trace: string[] = [];
  /** Of accepted, by the group. */
  committed = 0;
  /** Of deferred, by the group. */
  drained = 0;
  /** Of the director that the group has as its member. */
  owner = -1;
  now = 1_000;
  redisAway = false;

  constructor(seed: number, mutant: Mutant) {
    this.chance = new Chance(seed);
    this.mutant = mutant;
  }

  note(text: string): void {
    this.trace.push(`${this.now} ${text}`);
  }

  has(key: ClientKey, sequence: Sequence): boolean {
    return this.received.get(key)?.has(sequence) ?? false;
  }

  #isDeferred(sequence: Sequence): boolean {
    return this.deferred.records.slice(this.drained).some(({ value }) => value!.includes(sequence, 0, "latin1"));
  }

  commit(offset: number): void {
    this.committed = Math.max(this.committed, offset);
    for (const [key, sequences] of this.published) {
      for (const sequence of sequences) {
        const above = Number.parseInt(sequence.slice(4, 16), 16) >= this.committed;
        if (above || this.has(key, sequence) || this.postgres.has(key, sequence) || this.#isDeferred(sequence))
          continue;
        throw new Violation(this, `${this.committed} was committed, and ${key} ${short(sequence)} is nowhere`);
      }
    }
  }
}

export class Violation extends Error {
  override readonly name = "Violation";

  constructor(stage: Stage, what: string) {
    super(`${what}\n${stage.trace.slice(-60).join("\n")}`);
  }
}

/** Offset and index: enough to read a trace by. */
export function short(sequence: Sequence): string {
  return `${Number.parseInt(sequence.slice(4, 16), 16)}.${Number.parseInt(sequence.slice(16), 16)}`;
}
