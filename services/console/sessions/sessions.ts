import { createHash, randomBytes } from "node:crypto";
import { z } from "zod";
import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import { fromText, identityText, toText } from "@saasaparilla/shared/auth/sealed-identity.ts";
import type { SealedSecrets } from "@saasaparilla/shared/auth/tokens/sealed-secrets.ts";
import type { Redis } from "@saasaparilla/shared/redis/client.ts";
import type { Keys } from "@saasaparilla/shared/redis/keys.ts";

const IDLE_SECONDS = 8 * 3_600;
export const SESSION_SECONDS = 24 * 3_600;
/** A sign-in token may be valid for this long. */
export const SIGN_IN_SECONDS = 600;
/** Clocks of services may differ by the leeway of tokens. */
const USED_SECONDS = SIGN_IN_SECONDS + 120;
const COOKIE_FORM = /^[\w-]{43}$/;

export interface Session {
  /** The name of the session in Redis: a digest of its cookie. */
  name: string;
  identity: Identity;
  csrf: string;
}

const stored = z.object({ identity: identityText, csrf: z.string() });

/**
 * Sessions of people in Redis, each under the digest of its cookie. SECRETS_KEY seals them, so that a reader of Redis
 * learns nothing and a writer cannot make a session up.
 */
export class Sessions {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #secrets: SealedSecrets;
  readonly #now: () => number;

  /** `now`: seconds since 1970. */
  constructor(parts: { redis: Redis; keys: Keys; secrets: SealedSecrets; now: () => number }) {
    this.#redis = parts.redis;
    this.#keys = parts.keys;
    this.#secrets = parts.secrets;
    this.#now = parts.now;
  }

  /** False: the token with this id began a session before. */
  async useUp(tokenId: string): Promise<boolean> {
    return (await this.#redis.set(this.#keys.usedSignIn(digest(tokenId)), "1", "EX", USED_SECONDS, "NX")) !== null;
  }

  /** Returns the cookie's value. Throws a `reject` without SECRETS_KEY. */
  async begin(caller: Identity): Promise<{ cookie: string; session: Session }> {
    const cookie = randomBytes(32).toString("base64url");
    const name = digest(cookie);
    const identity = { ...caller, expires: this.#now() + SESSION_SECONDS };
    const csrf = randomBytes(32).toString("base64url");
    const plain = JSON.stringify({ identity: toText(identity), csrf });
    const sealed = await this.#secrets.seal(Buffer.from(plain), ownerOf(name));
    await this.#redis.set(this.#keys.session(name), sealed, "EX", IDLE_SECONDS);
    return { cookie, session: { name, identity, csrf } };
  }

  /** Its idle time begins again. Undefined: the session is unknown or has ended. */
  async find(cookie: string): Promise<Session | undefined> {
    if (!COOKIE_FORM.test(cookie)) return undefined;
    const name = digest(cookie);
    const sealed = await this.#redis.getex(this.#keys.session(name), "EX", IDLE_SECONDS);
    if (sealed === null) return undefined;
    const plain = await this.#secrets.tryOpen(sealed, ownerOf(name));
    if (!plain) return undefined;
    const { identity, csrf } = stored.parse(JSON.parse(Buffer.from(plain).toString()));
    // The authenticator tolerates clocks that differ. A session ends at its own console's time.
    return identity.expires <= this.#now() ? undefined : { name, identity: fromText(identity), csrf };
  }

  async end(name: string): Promise<void> {
    await this.#redis.del(this.#keys.session(name));
  }
}

const digest = (secret: string): string => createHash("sha256").update(secret).digest("hex");
const ownerOf = (name: string): string => `session ${name}`;
