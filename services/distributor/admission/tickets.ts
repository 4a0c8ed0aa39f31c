import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { Redis } from "@saasaparilla/shared/redis/client.ts";
import type { Keys } from "@saasaparilla/shared/redis/keys.ts";

/** The time until use. A page uses its ticket at once. */
export const TICKET_SECONDS = 30;
const TICKET_FORM = /^[\w-]{43}$/;
const ALGORITHM = "aes-256-gcm";
/** Each key encrypts one message. */
const NONCE = Buffer.alloc(12);

/**
 * A ticket replaces the token in the URL of an EventSource, which cannot send headers. It works once and for seconds,
 * so it is worthless in logs. Redis keeps the token meanwhile, encrypted with a key that only the ticket yields. A
 * reader of Redis finds neither.
 */
export class Tickets {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async issue(token: string): Promise<string> {
    const ticket = randomBytes(32).toString("base64url");
    const { name, secret } = halves(ticket);
    const cipher = createCipheriv(ALGORITHM, secret, NONCE);
    const sealed = Buffer.concat([cipher.update(token, "latin1"), cipher.final(), cipher.getAuthTag()]);
    await this.#redis.set(this.#keys.ticket(name), sealed, "EX", TICKET_SECONDS);
    return ticket;
  }

  /** The token, for the first request; undefined if the ticket is unknown or already used. */
  async redeem(ticket: string): Promise<string | undefined> {
    if (!TICKET_FORM.test(ticket)) return undefined;
    const { name, secret } = halves(ticket);
    const sealed = await this.#redis.getdelBuffer(this.#keys.ticket(name));
    if (!sealed || sealed.length < 17) return undefined;
    const decipher = createDecipheriv(ALGORITHM, secret, NONCE).setAuthTag(sealed.subarray(-16));
    try {
      return decipher.update(sealed.subarray(0, -16)).toString("latin1") + decipher.final("latin1");
    } catch {
      return undefined;
    }
  }
}

function halves(ticket: string): { name: string; secret: Buffer } {
  const digest = createHash("sha512").update(ticket).digest();
  return { name: digest.toString("hex", 0, 32), secret: digest.subarray(32) };
}
