import { randomInt } from "node:crypto";
import type { ClientKey } from "#protocol/notification.ts";
import type { Redis } from "./client.ts";
import type { Keys } from "./keys.ts";
import { connectionOf, type ConnectionId } from "#protocol/control-messages.ts";

/** The connections of each client, in Redis. It is a hint: a wrong entry costs time, and never a notification. */

/** Seconds that a client's entry lives without a new registration. The slot's lease makes it valid. */
const ENTRY_SECONDS = 1_800;

/** What operators see of a connection. No service decides by it. */
export interface ConnectionFacts {
  /** ms since 1970. */
  since: number;
  transport: string;
  /** The remote address at the opening. */
  address: string;
}

export class Presence {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async register(key: ClientKey, id: ConnectionId, about: ConnectionFacts): Promise<void> {
    const facts = JSON.stringify(about);
    await this.#redis.eval(REGISTER, 1, this.#keys.connections(key), connectionOf(id), facts, ENTRY_SECONDS);
  }

  async unregister(key: ClientKey, id: ConnectionId): Promise<void> {
    await this.#redis.hdel(this.#keys.connections(key), connectionOf(id));
  }

  /**
   * The live connections of each client: those whose incarnation holds the lease of the slot. One round trip or two.
   */
  async lookUp(clients: readonly ClientKey[]): Promise<ConnectionId[][]> {
    const entries = await Promise.all(clients.map((key) => this.#redis.hkeys(this.#keys.connections(key))));
    const found = entries.map((fields) => fields.map(fromField));
    const slots = [...new Set(found.flat().map(({ slot }) => slot))];
    const incarnations = await Promise.all(slots.map((slot) => this.#redis.get(this.#keys.slot(slot))));
    const owner = new Map(slots.map((slot, index) => [slot, Number(incarnations[index] ?? Number.NaN)]));
    return found.map((ids) => ids.filter(({ slot, incarnation }) => owner.get(slot) === incarnation));
  }

  /** The live connections of one client with their facts, for operators. */
  async describe(key: ClientKey): Promise<(ConnectionId & Partial<ConnectionFacts>)[]> {
    const [[live = []], facts] = await Promise.all([
      this.lookUp([key]),
      this.#redis.hgetall(this.#keys.connections(key)),
    ]);
    return live.map((id) => ({ ...id, ...factsOf(facts[connectionOf(id)]) }));
  }

  /** Takes a free slot, or undefined if none is free. It starts from a random one, so that many starts do not queue. */
  async claimSlot(
    slots: number,
    incarnation: number,
    leaseMs: number,
    prefer = randomInt(slots),
  ): Promise<number | undefined> {
    for (let tried = 0; tried < slots; tried += 1) {
      const slot = (prefer + tried) % slots;
      if (await this.#redis.set(this.#keys.slot(slot), String(incarnation), "PX", leaseMs, "NX")) return slot;
    }
    return undefined;
  }

  /** By slot, the incarnation that holds its lease. */
  async slotOwners(slots: number): Promise<Map<number, number>> {
    const all = Array.from({ length: slots }, (_, slot) => slot);
    const owners = await Promise.all(all.map((slot) => this.#redis.get(this.#keys.slot(slot))));
    return new Map(all.flatMap((slot) => (typeof owners[slot] === "string" ? [[slot, Number(owners[slot])]] : [])));
  }

  /** Renews the lease. `lost`: it has no holder, as after a FLUSHALL. `taken`: another incarnation holds it. */
  async renewSlot(slot: number, incarnation: number, leaseMs: number): Promise<"renewed" | "lost" | "taken"> {
    const answer = await this.#redis.eval(RENEW, 1, this.#keys.slot(slot), String(incarnation), leaseMs);
    return answer === 1 ? "renewed" : answer === 2 ? "lost" : "taken";
  }

  async releaseSlot(slot: number, incarnation: number): Promise<void> {
    await this.#redis.eval(RELEASE, 1, this.#keys.slot(slot), String(incarnation));
  }
}

/** One command: two cost the client twice as much, and Redis little less. */
const REGISTER = `
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return redis.call('EXPIRE', KEYS[1], ARGV[3])`;

/** 1: it was ours; 2: it had no owner and is ours again; 0: another owns it. */
const RENEW = `
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return owner and 1 or 2`;

const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

function fromField(text: string): ConnectionId {
  const [slot = Number.NaN, incarnation = Number.NaN, session = Number.NaN] = text.split(":").map(Number);
  return { slot, incarnation, session };
}

/** A distributor of an earlier version writes only the time. */
function factsOf(text = "{}"): Partial<ConnectionFacts> {
  const facts = JSON.parse(text) as number | Partial<ConnectionFacts>;
  return typeof facts === "number" ? { since: facts } : facts;
}
