import { nameOf } from "@saasaparilla/shared/http/problem.ts";
import { refuse } from "#api/refusal.ts";
import { PENDING_MS, type Entry, type Idempotency, type KeyEntry } from "./idempotency.ts";
import { idReused, inProgress } from "#api/item-problems.ts";
import type { Item } from "./item.ts";
import { isTaken, recallVerdicts, writeVerdicts } from "./stored-outcomes.ts";

/** A request's entries in Redis until its answer. */
export interface Reservation {
  /** On the clock of performance.now(). */
  at: number;
  key: { entry: KeyEntry; again: boolean } | undefined;
  items: { item: Item; entry: Entry }[];
}

/** Gives repeats their earlier verdicts. PROTOCOL.md, R51; docs/internals/decisions/0019-a-key-is-its-publishers.md. */
export class Repeats {
  readonly #idempotency: Idempotency;

  constructor(idempotency: Idempotency) {
    this.#idempotency = idempotency;
  }

  /**
   * Only items with an id or a key cost a call to Redis. Afterwards, repeats and items in progress have their outcome.
   */
  async reserve(items: readonly Item[], tenant: string, key: KeyEntry | undefined): Promise<Reservation> {
    const at = performance.now();
    const reserved = key && (await this.#reserveKey(items, key));
    return { at, key: reserved, items: await this.#reserveItems(items, tenant) };
  }

  /**
   * Accepted items become done. Items that were certainly not accepted are released. If the outcome is unknown, the
   * reservation expires on its own. An expired reservation may belong to another request, so nothing is changed.
   */
  conclude(items: readonly Item[], { at, key, items: reserved }: Reservation): void {
    if (performance.now() - at >= PENDING_MS) return;
    const idempotency = this.#idempotency;
    const failed = reserved.filter(({ item }) => !isTaken(item) && !isUnknown(item));
    idempotency.done(reserved.filter(({ item }) => isTaken(item)).map(({ entry }) => entry));
    idempotency.release(failed.map(({ entry }) => entry.name));
    if (!key) return;
    const unknown = items.some(isUnknown);
    if (items.some(isTaken)) {
      if (unknown) idempotency.holdRetry(key.entry);
      idempotency.remember(key.entry, writeVerdicts(items));
      if (key.again && !unknown) idempotency.release([key.entry.retryName]);
    } else if (!unknown) idempotency.release([key.entry.name]);
  }

  /** Undefined if nothing needs to be remembered, or Redis is away. */
  async #reserveKey(items: readonly Item[], entry: KeyEntry): Promise<Reservation["key"]> {
    const found = await this.#idempotency.reserveKey(entry);
    if (!found) return undefined;
    if (found.state === "other") refuse("key-reused");
    if (found.state === "pending") refuse("in-progress", undefined, { retryAfter: 1 });
    if (found.state === "fresh") return { entry, again: false };
    recallVerdicts(items, found.verdicts);
    if (!items.some(isOpen)) return undefined;
    const retry = await this.#idempotency.retry(entry);
    if (retry?.mine) {
      if (retry.verdicts !== undefined) recallVerdicts(items, retry.verdicts);
      return { entry, again: true };
    }
    if (retry) for (const item of items) if (isOpen(item)) item.outcome = inProgress();
    return undefined;
  }

  async #reserveItems(items: readonly Item[], tenant: string): Promise<Reservation["items"]> {
    const named = items.filter((item) => isOpen(item) && item.published?.id !== undefined);
    if (named.length === 0) return [];
    const entries = named.map((item) => this.#idempotency.ofItem(tenant, item));
    const states = await this.#idempotency.reserve(entries);
    const fresh: Reservation["items"] = [];
    states?.forEach((state, index) => {
      const item = named[index]!;
      if (state === "fresh") fresh.push({ item, entry: entries[index]! });
      else if (state === "done") item.outcome = "repeated";
      else item.outcome = state === "pending" ? inProgress() : idReused(item);
    });
    return fresh;
  }
}

function isOpen({ outcome }: Item): boolean {
  return outcome === "open";
}

function isUnknown({ outcome }: Item): boolean {
  return typeof outcome === "object" && nameOf(outcome) === "outcome-unknown";
}
