import { hash } from "node:crypto";
import type { Keys, Redis } from "@saasaparilla/shared/redis.ts";
import { within } from "@saasaparilla/shared/within.ts";
import type { ReceiverMetrics } from "./metrics.ts";
import type { Item } from "./parse.ts";
import { refuse, type Slug } from "./problems.ts";

/**
 * Makes a repeat harmless, by Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) and by id. An entry in Redis is
 * pending for a short while, then done for a day. Redis is a hint: while it is away publishing goes on, and what then
 * finds a copy is the director, which drops ids that it has just seen. So an id that was not given is derived from the key.
 */
const PENDING_MS = 10_000;
const REST_MS = 1_000;

export type Reserved = "fresh" | "done" | "pending" | "other";

export interface Entry {
  name: string;
  fingerprint: string;
}

export class Idempotency {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #metrics: Pick<ReceiverMetrics, "unguarded">;
  readonly #waitMs: number;
  readonly #doneMs: number;
  readonly #open = new Set<Promise<unknown>>();
  #restUntil = 0;

  constructor(
    redis: Redis,
    keys: Keys,
    metrics: Pick<ReceiverMetrics, "unguarded">,
    options: { REPEAT_WAIT_MS: number; REPEAT_SECONDS: number },
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#metrics = metrics;
    this.#waitMs = options.REPEAT_WAIT_MS;
    this.#doneMs = options.REPEAT_SECONDS * 1_000;
  }

  ofKey(tenant: string, key: string, contentType: string, body: Buffer): Entry {
    return {
      name: this.#keys.published(tenant, "key", key),
      fingerprint: hash("sha256", Buffer.concat([Buffer.from(`${contentType}\0`), body]), "base64url"),
    };
  }

  ofItem(tenant: string, { id, published, payload }: Item): Entry {
    const { to, ttl = "", event = "" } = published!;
    const said = Buffer.concat([Buffer.from(`${to.client}\0${ttl}\0${event}\0`), payload]);
    return { name: this.#keys.published(tenant, "id", id), fingerprint: hash("sha256", said, "base64url") };
  }

  /** One round trip for all. Undefined while Redis is away: nothing is known, and nothing stands in the way. */
  async reserve(entries: readonly Entry[]): Promise<Reserved[] | undefined> {
    if (this.#redis.status === "ready" && performance.now() >= this.#restUntil) {
      const asked = Promise.all(
        entries.map(({ name, fingerprint }) =>
          this.#redis.set(name, `pending ${fingerprint}`, "PX", PENDING_MS, "NX", "GET"),
        ),
      );
      const found = await within(this.#waitMs, asked);
      if (found) return found.map((value, index) => reservedBy(value, entries[index]!.fingerprint));
      this.#restUntil = performance.now() + REST_MS;
    }
    this.#metrics.unguarded();
    return undefined;
  }

  /** Not waited for: a repeat that comes before it is told that the first is still in progress. */
  done(entries: readonly Entry[]): void {
    this.#keep(
      entries.map(({ name, fingerprint }) => this.#redis.set(name, `done ${fingerprint}`, "PX", this.#doneMs)),
    );
  }

  /** Nothing came of it: a repeat may try at once. */
  release(entries: readonly Entry[]): void {
    this.#keep(entries.map(({ name }) => this.#redis.unlink(name)));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#open);
  }

  #keep(commands: Promise<unknown>[]): void {
    if (commands.length === 0) return;
    const all: Promise<unknown> = Promise.allSettled(commands).then(() => this.#open.delete(all));
    this.#open.add(all);
  }
}

function reservedBy(value: string | null, fingerprint: string): Reserved {
  if (value === null) return "fresh";
  const [state, of] = value.split(" ");
  if (of !== fingerprint) return "other";
  return state === "done" ? "done" : "pending";
}

const KEY_FORM = /^[ -~]{1,255}$/;

/** The header is a structured string, in quotes (RFC 9651); one without quotes is taken as it is. */
export function readKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header)?.[1]?.replace(/\\(.)/g, "$1");
  const key = quoted ?? header;
  const slug: Slug = "invalid-value";
  if (!KEY_FORM.test(key) || (quoted === undefined && key.includes('"'))) {
    refuse(
      slug,
      'The header Idempotency-Key is not 1 to 255 printable ASCII characters, best a UUID in quotes: Idempotency-Key: "3f0e7a52-6c1d-4f4b-9a57-0f5f6d1c2b3a".',
    );
  }
  return key;
}

/** The same key makes the same ids: UUIDs of version 8. */
export function derivedId(tenant: string, key: string, index: number): string {
  const hex = hash("sha256", `${tenant}\0${key}\0${index}`, "hex");
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
