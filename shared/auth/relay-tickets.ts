import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import type { SealedSecrets } from "#auth/tokens/sealed-secrets.ts";
import type { Redis } from "#redis/client.ts";
import type { Keys } from "#redis/keys.ts";
import type { Identity } from "./identity.ts";
import { fromText, identityText, toText } from "./sealed-identity.ts";

/** The console uses a ticket at once. */
const RELAY_SECONDS = 15;
const RELAY_FORM = /^ssr_[\w-]{43}$/;
const PREFIX = "ssr_";

/** The caller of a relayed request, and the address from which it called the console. */
export interface Relayed {
  identity: Identity;
  address: string;
}

const relayed = z.object({ identity: identityText, address: z.string().max(64), service: z.string() });

/**
 * The console asks another service in the name of its caller with a ticket that works once. Only the console may write
 * tickets to Redis. SECRETS_KEY seals them too, so that a writer of Redis alone cannot make a caller up.
 */
export class RelayTickets {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #secrets: SealedSecrets;

  constructor(redis: Redis, keys: Keys, secrets: SealedSecrets) {
    this.#redis = redis;
    this.#keys = keys;
    this.#secrets = secrets;
  }

  /** `service`: only it can take the ticket. Throws a `reject` without SECRETS_KEY. */
  async issue({ identity, address }: Relayed, service: string): Promise<string> {
    const ticket = `${PREFIX}${randomBytes(32).toString("base64url")}`;
    const name = digest(ticket);
    const plain = JSON.stringify({ identity: toText(identity), address, service });
    const sealed = await this.#secrets.seal(Buffer.from(plain), ownerOf(name));
    await this.#redis.set(this.#keys.relay(name), sealed, "EX", RELAY_SECONDS);
    return ticket;
  }

  /**
   * Undefined if the ticket is unknown, used, expired or for another service. Throws a `retry` if this service lacks the
   * console's SECRETS_KEY.
   */
  async take(ticket: string, by: string): Promise<Relayed | undefined> {
    if (!RELAY_FORM.test(ticket)) return undefined;
    const name = digest(ticket);
    const sealed = await this.#redis.getdel(this.#keys.relay(name));
    if (sealed === null) return undefined;
    const plain = await this.#secrets.open(sealed, ownerOf(name));
    const { identity, address, service } = relayed.parse(JSON.parse(Buffer.from(plain).toString()));
    if (service !== by) return undefined;
    return { identity: fromText(identity), address };
  }
}

export const isRelayTicket = (token: string): boolean => token.startsWith(PREFIX);

const digest = (ticket: string): string => createHash("sha256").update(ticket).digest("hex");
const ownerOf = (name: string): string => `relay ${name}`;
