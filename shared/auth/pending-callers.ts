import { Failure } from "#runtime/errors.ts";
import { TurnedAway } from "./identity.ts";

/** Bounds on callers whose tokens are not checked yet. */
export interface WaiterLimits {
  /** For all issuers and addresses together. */
  all: number;
  /** Callers who wait for the keys of one issuer. */
  issuer: number;
  /** Callers who wait for keys, from one network. */
  address: number;
}

export type WaitBound = keyof WaiterLimits;

/** Seconds: the request for a key set has ended by then. */
const RETRY_SECONDS = 5;

/**
 * Unidentified callers: their tokens' keys are being fetched, or their signatures are checked off the main thread. They
 * take no place from requests of known callers. So an issuer that does not answer delays only its own tokens.
 */
export class Waiters {
  readonly #limits: WaiterLimits;
  readonly #refused: (bound: WaitBound) => void;
  readonly #issuers = new Map<object, number>();
  readonly #networks = new Map<string, number>();
  #size = 0;

  constructor(limits: WaiterLimits, refused: (bound: WaitBound) => void = () => undefined) {
    this.#limits = limits;
    this.#refused = refused;
  }

  get size(): number {
    return this.#size;
  }

  /** Throws a `retry` at the bound, without a check. */
  async check<T>(verify: () => Promise<T>): Promise<T> {
    if (this.#size >= this.#limits.all) this.#full("all", "Too many tokens are being checked.");
    this.#size += 1;
    try {
      return await verify();
    } finally {
      this.#size -= 1;
    }
  }

  /** Waits for keys of `issuer`. Throws a `retry` at the bound of the issuer, and TurnedAway at that of the network. */
  async keys<T>(issuer: object, network: string, ask: () => Promise<T>): Promise<T> {
    const [forIssuer, fromNetwork] = [this.#issuers.get(issuer) ?? 0, this.#networks.get(network) ?? 0];
    if (fromNetwork >= this.#limits.address) {
      this.#refused("address");
      throw new TurnedAway(RETRY_SECONDS, "Too many requests from your address wait for an issuer's keys.");
    }
    if (forIssuer >= this.#limits.issuer) this.#full("issuer", "Too many tokens wait for their issuer's keys.");
    this.#issuers.set(issuer, forIssuer + 1);
    this.#networks.set(network, fromNetwork + 1);
    try {
      return await ask();
    } finally {
      less(this.#issuers, issuer);
      less(this.#networks, network);
    }
  }

  #full(bound: WaitBound, text: string): never {
    this.#refused(bound);
    throw new Failure("retry", text);
  }
}

function less<K>(counts: Map<K, number>, key: K): void {
  const count = counts.get(key)! - 1;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
