import { hash } from "node:crypto";
import type { Redis } from "@saasaparilla/shared/redis/client.ts";
import type { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { withTimeout } from "@saasaparilla/shared/runtime/timeout.ts";
import type { ReceiverMetrics } from "#metrics.ts";
import { isDispatched } from "./forms.ts";
import type { Published } from "./notification-schema.ts";
import type { Item } from "./item.ts";

/**
 * Redis's knowledge of ids and Idempotency-Keys (draft-ietf-httpapi-idempotency-key-header). An entry is pending for a
 * short time, then done for a day. Redis is a hint: publishing continues while it is away, and the director then finds
 * the repeats, because it drops recent ids. So a missing id is derived from the key.
 */
const REST_MS = 1_000;

/** An abandoned send is over by then. */
export const PENDING_MS = 10_000;

export type Reserved = "fresh" | "done" | "pending" | "other";

export interface Entry {
  name: string;
  fingerprint: string;
}

/** `retryName` exists while a repeat is trying the open items, or while their send may be in progress. */
export interface KeyEntry extends Entry {
  retryName: string;
}

/** `verdicts`: the text kept by `remember`; "" if the entry is not done. */
interface Found {
  state: Reserved;
  verdicts: string;
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
    options: { REPEAT_WAIT_MS: number; IDEMPOTENCY_SECONDS: number },
  ) {
    this.#redis = redis;
    this.#keys = keys;
    this.#metrics = metrics;
    this.#waitMs = options.REPEAT_WAIT_MS;
    this.#doneMs = options.IDEMPOTENCY_SECONDS * 1_000;
  }

  ofKey(keyName: string, mediaType: string, body: Buffer): KeyEntry {
    return {
      name: this.#keys.publishedKey(keyName),
      retryName: this.#keys.publishedRetry(keyName),
      fingerprint: hash("sha256", Buffer.concat([Buffer.from(`${mediaType}\0`), body]), "base64url"),
    };
  }

  ofItem(tenant: string, { id, published, payload, options }: Item): Entry {
    const said = Buffer.concat([Buffer.from(headOf(published!, options)), payload]);
    return { name: this.#keys.publishedId(tenant, id), fingerprint: hash("sha256", said, "base64url") };
  }

  /** One round trip for all entries. Undefined while Redis is away: nothing is known, and nothing is blocked. */
  async reserve(entries: readonly Entry[]): Promise<Reserved[] | undefined> {
    const values = await this.#ask(() => Promise.all(entries.map((entry) => this.#pend(entry))));
    return values?.map((value, index) => foundIn(value, entries[index]!).state);
  }

  /** The same for a key, with the verdicts of its first request. */
  async reserveKey(entry: KeyEntry): Promise<Found | undefined> {
    const value = await this.#ask(() => this.#pend(entry));
    return value === undefined ? undefined : foundIn(value, entry);
  }

  /**
   * Lets one repeat at a time try the open items. It reads the entry afterwards, in the same round trip, because
   * another repeat may have finished since the first read. `verdicts` is undefined if the entry is gone.
   */
  async retry(entry: KeyEntry): Promise<{ mine: boolean; verdicts: string | undefined } | undefined> {
    const found = await this.#ask(() =>
      Promise.all([this.#redis.set(entry.retryName, "pending", "PX", PENDING_MS, "NX"), this.#redis.get(entry.name)]),
    );
    if (!found) return undefined;
    const { state, verdicts } = foundIn(found[1], entry);
    return { mine: found[0] !== null, verdicts: state === "done" ? verdicts : undefined };
  }

  /** Not awaited: an earlier repeat is told that the first request is still in progress. */
  done(entries: readonly Entry[]): void {
    this.#keep(
      entries.map(({ name, fingerprint }) => this.#redis.set(name, `done ${fingerprint}`, "PX", this.#doneMs)),
    );
  }

  /**
   * Done, with a verdict for each item. The largest value has 10,049 bytes: "done", a digest of 43 and two spaces are
   * 49, and 10,000 verdicts (1,049 bytes at the default MAX_BATCH_ITEMS).
   */
  remember({ name, fingerprint }: Entry, verdicts: string): void {
    const value = verdicts === "" ? `done ${fingerprint}` : `done ${fingerprint} ${verdicts}`;
    this.#keep([this.#redis.set(name, value, "PX", this.#doneMs)]);
  }

  /** Open items may still be on their way to Kafka. Call it before `remember`: Redis keeps that order. */
  holdRetry({ retryName }: KeyEntry): void {
    this.#keep([this.#redis.set(retryName, "pending", "PX", PENDING_MS)]);
  }

  /** The request had no result, so a repeat may try at once. */
  release(names: readonly string[]): void {
    this.#keep(names.map((name) => this.#redis.unlink(name)));
  }

  async settled(): Promise<void> {
    await Promise.all(this.#open);
  }

  #pend({ name, fingerprint }: Entry): Promise<string | null> {
    return this.#redis.set(name, `pending ${fingerprint}`, "PX", PENDING_MS, "NX", "GET");
  }

  async #ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    if (this.#redis.status === "ready" && performance.now() >= this.#restUntil) {
      const found = await withTimeout(this.#waitMs, question());
      if (found !== undefined) return found;
      this.#restUntil = performance.now() + REST_MS;
    }
    this.#metrics.unguarded();
    return undefined;
  }

  #keep(commands: Promise<unknown>[]): void {
    if (commands.length === 0) return;
    const all: Promise<unknown> = Promise.allSettled(commands).then(() => this.#open.delete(all));
    this.#open.add(all);
  }
}

const MEMBERS_OF_TO = ["client", "clients", "group", "queue", "exchange", "key"];

/** All that a publisher says beside the data. The forms begin with different characters: a client's id has no braces. */
function headOf(published: Published, options: Buffer | undefined): string {
  const { to, ttl, event, at, delay } = published;
  // The text of the version before, so that it and this one know each other's entries.
  if ("client" in to && options === undefined && !isDispatched(published))
    return `${to.client}\0${ttl ?? ""}\0${event ?? ""}\0`;
  const target = JSON.stringify(to, MEMBERS_OF_TO);
  return JSON.stringify({ target, ttl, event, at, delay, options: options?.toString("base64") });
}

/** A pending entry may have no result, so different content is not `other`. */
function foundIn(value: string | null, { fingerprint }: Entry): Found {
  if (value === null) return { state: "fresh", verdicts: "" };
  const [state, of, verdicts = ""] = value.split(" ");
  if (state !== "done") return { state: "pending", verdicts: "" };
  return { state: of === fingerprint ? "done" : "other", verdicts };
}
