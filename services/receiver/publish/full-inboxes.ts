import { jittered, problemOf, type Problem } from "@saasaparilla/shared/http/problem.ts";
import type { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import type { FullWaiting } from "@saasaparilla/shared/postgres/full-waiting.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { clientKey, queueKey, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { StoredBound, StoredTenants } from "@saasaparilla/shared/postgres/stored-tenants.ts";
import { pointed } from "#api/item-problems.ts";
import type { Published } from "./notification-schema.ts";
import type { Item } from "./item.ts";

/** A client that reads is back soon. A client that does not is not worth a retry each second. */
const RETRY_SECONDS = [20, 60] as const;
const MOST = 10_000;

const DETAILS: Record<StoredBound | "waiting", string> = {
  waiting: "Your tenant has reached its limit of publications for later.",
  bytes: "Your tenant has reached its limit of stored bytes.",
  clients: "Your tenant has reached its limit of clients with stored notifications.",
};

export interface FullParts {
  clients: Pick<FullInboxes, "all">;
  tenants: Pick<StoredTenants, "full">;
  waiting: Pick<FullWaiting, "all">;
  everyMs: number;
  /** A request was refused at a tenant's bound. */
  refused: (tenant: string, bound: StoredBound | "waiting") => void;
  log: Log;
}

/**
 * Knows which clients, or all clients of which tenants, accept nothing more, as directors found a few seconds ago.
 * While Postgres is away the last list stays valid, and anything accepted beyond the bound is still stored.
 */
export class FullInboxCheck {
  readonly #parts: FullParts;
  #tenants: ReadonlyMap<string, StoredBound> = new Map();
  #clients: ReadonlySet<ClientKey> = new Set();
  /** Tenants that may publish nothing for later. */
  #waiting: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(parts: FullParts) {
    this.#parts = parts;
  }

  get clients(): number {
    return this.#clients.size;
  }

  get tenants(): number {
    return this.#tenants.size;
  }

  /** Repeats until `end`. */
  start(): void {
    void this.refresh().then(() => {
      if (!this.#ended) this.#timer = setTimeout(() => this.start(), this.#parts.everyMs);
    });
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async refresh(): Promise<void> {
    const { clients, tenants, waiting, log } = this.#parts;
    try {
      this.#clients = new Set(await clients.all(MOST));
      this.#tenants = new Map((await tenants.full(MOST)).map(({ tenant, bound }) => [tenant, bound]));
      this.#waiting = new Set(await waiting.all(MOST));
    } catch (error) {
      log.debug({ err: error }, "reading the full inboxes failed");
    }
  }

  /** Refuses items for full clients. The rest continues. A repeat of accepted items already has its outcome. */
  refuse(items: readonly Item[], tenant: string): void {
    const bound = this.#tenants.get(tenant);
    if (bound !== undefined) this.#refuseAll(items, tenant, bound, () => true);
    if (this.#waiting.has(tenant)) this.#refuseAll(items, tenant, "waiting", isLater);
    if (this.#clients.size === 0) return;
    for (const item of items) {
      if (item.outcome !== "open" || !item.published) continue;
      const full = this.#fullOf(item.published, tenant);
      if (full.length > 0) item.outcome = fullProblem(item, full);
    }
  }

  /** The pointers to full recipients, and to a full queue of outcomes. A delay does not go around a full inbox. */
  #fullOf({ to, outcomes }: Published, tenant: string): string[] {
    const isFull = (key: ClientKey): boolean => this.#clients.has(key);
    const full: string[] = [];
    if ("client" in to && isFull(clientKey(tenant, to.client))) full.push("/to/client");
    else if ("queue" in to && isFull(queueKey(tenant, to.queue))) full.push("/to/queue");
    else if ("clients" in to)
      to.clients.forEach((client, index) => {
        if (isFull(clientKey(tenant, client))) full.push(`/to/clients/${index}`);
      });
    if (outcomes !== undefined && isFull(queueKey(tenant, outcomes))) full.push("/outcomes");
    return full;
  }

  #refuseAll(
    items: readonly Item[],
    tenant: string,
    bound: keyof typeof DETAILS,
    concerns: (published: Published) => boolean,
  ): void {
    const problem = problemOf("tenant-full", DETAILS[bound], { retryAfter: jittered(...RETRY_SECONDS) });
    const open = items.filter(({ outcome, published }) => outcome === "open" && published && concerns(published));
    for (const item of open) item.outcome = problem;
    if (open.length > 0) this.#parts.refused(tenant, bound);
  }
}

function isLater({ at, delay }: Published): boolean {
  return at !== undefined || delay !== undefined;
}

function fullProblem(item: Item, full: readonly string[]): Problem {
  const errors = full.flatMap(
    (member) =>
      pointed("client-full", item, member, {
        detail: member.startsWith("/to/client") ? "The inbox of this client is full." : "This queue is full.",
        expected: "a recipient with room for another notification",
        fix: member.startsWith("/to/clients") ? "Omit this client, or try again later." : "Try again later.",
      }).errors!,
  );
  return problemOf("client-full", undefined, { retryAfter: jittered(...RETRY_SECONDS), errors });
}
