import type { ClientKey } from "#protocol/notification.ts";

/**
 * All keys in Redis. Names are length-prefixed, so that none collides. A client's keys share a hash tag (Redis
 * Cluster).
 */
export class Keys {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  /** Hash: connection (`slot:incarnation:session`) to its `ConnectionFacts`, as JSON. */
  connections(key: ClientKey): string {
    return `${this.#namespace}:c:{${key.length}:${key}}`;
  }

  /** String: the incarnation that owns the slot; its expiry is the lease. */
  slot(slot: number): string {
    return `${this.#namespace}:s:{${slot}}`;
  }

  /**
   * String: when this bucket of a tenant is full again (us). All buckets of one tenant share a hash tag, so that one
   * script sees them.
   */
  rate(tenant: string, policy: string, subject = ""): string {
    return `${this.#namespace}:r:{${tenant.length}:${tenant}}${policy}:${subject}`;
  }

  /** String: the sealed token of a ticket. `name` is a digest. */
  ticket(name: string): string {
    return `${this.#namespace}:t:{${name}}`;
  }

  /** String: a sealed session of the console. `name` is the digest of its cookie. */
  session(name: string): string {
    return `${this.#namespace}:w:session:{${name}}`;
  }

  /** String: a sign-in token was used. `name` is a digest of its id. */
  usedSignIn(name: string): string {
    return `${this.#namespace}:w:used:{${name}}`;
  }

  /** String: the sealed caller of a relayed request. `name` is a digest of the ticket. */
  relay(name: string): string {
    return `${this.#namespace}:g:{${name}}`;
  }

  /** String: the outcome of the notification with this id, if its publisher gave the id. */
  publishedId(tenant: string, id: string): string {
    return `${this.#namespace}:p:id:{${tenant.length}:${tenant}:${id.length}:${id}}`;
  }

  /** String: the outcome of a publish with an Idempotency-Key. `name` is a digest of the publisher and its key. */
  publishedKey(name: string): string {
    return `${this.#namespace}:p:key:{${name}}`;
  }

  /** String: a repeat of that publish is under way. It shares the hash tag of `publishedKey`. */
  publishedRetry(name: string): string {
    return `${this.#namespace}:p:retry:{${name}}`;
  }
}
