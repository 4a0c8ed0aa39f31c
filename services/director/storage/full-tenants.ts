import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import type { StoredBound, StoredTenants, TenantStored } from "@saasaparilla/shared/postgres/stored-tenants.ts";
import type { LimitsOf, TenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import type { DirectorMetrics } from "#metrics.ts";

/** A tenant is full no more where one part of so many of what it may have is free. */
const SHARE = 20;
/** In one look, no count of clients begins after so long. */
const COUNT_MS = 100;
/** Tenants that are asked about by one statement. */
const AT_ONCE = 1_000;

export interface TenantFullnessParts {
  stored: Pick<StoredTenants, "follow" | "countNext" | "of" | "mark" | "clear">;
  limitsOf: LimitsOf;
  metrics: Pick<DirectorMetrics, "failed">;
  log: Log;
  now: () => number;
}

/** Finds out which tenants have as much stored as they may, and which have room again. What is stored stays: their publishers are refused. */
export class TenantFullness {
  readonly #parts: TenantFullnessParts;
  /** Tenants for whom something was stored since they were looked at last. */
  readonly #due = new Set<string>();
  /** Of each bound, those that have used half of it or more: which part. */
  readonly #used: Record<StoredBound, Map<string, number>> = { bytes: new Map(), clients: new Map() };
  #looking = false;

  constructor(parts: TenantFullnessParts) {
    this.#parts = parts;
  }

  inserted(rows: readonly StoredNotification[]): void {
    let last = "";
    for (const { client } of rows) {
      // Most rows have the tenant of the row before.
      if (last !== "" && client.startsWith(last)) continue;
      const tenant = tenantOf(client);
      last = `${tenant}/`;
      this.#due.add(tenant);
    }
  }

  /** The part of each bound that the fullest tenant has used; of those under a half, 0. */
  highest(): ReadonlyMap<StoredBound, number> {
    const most = (bound: StoredBound): number => Math.max(0, ...this.#used[bound].values());
    return new Map([
      ["bytes", most("bytes")],
      ["clients", most("clients")],
    ]);
  }

  /** To be called every few seconds. Where Postgres is away, what is due stays due. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { stored, metrics, log } = this.#parts;
    // What is stored meanwhile is the next look's.
    const due = [...this.#due];
    this.#due.clear();
    try {
      for (let at = 0; at < due.length; at += AT_ONCE) await stored.follow(due.slice(at, at + AT_ONCE));
      // Those that have much stored, too: another director may have counted them, or what they read.
      const watched = [...this.#used.bytes.keys(), ...this.#used.clients.keys()];
      const asked = [...new Set([...due, ...watched, ...(await this.#count())])];
      let at = 0;
      do {
        for (const one of await stored.of(asked.slice(at, (at += AT_ONCE)))) await this.#judge(one);
      } while (at < asked.length);
    } catch (error) {
      for (const tenant of due) this.#due.add(tenant);
      metrics.failed("postgres");
      log.warn({ err: error }, `Which tenants are full is not known, and is asked again: ${messageOf(error)}`);
    } finally {
      this.#looking = false;
    }
  }

  /** By turns: which were counted. */
  async #count(): Promise<string[]> {
    const { stored, now } = this.#parts;
    const counted: string[] = [];
    for (const end = now() + COUNT_MS; now() < end;) {
      const tenant = await stored.countNext();
      if (tenant === undefined) break;
      counted.push(tenant);
    }
    return counted;
  }

  async #judge(one: TenantStored): Promise<void> {
    const { stored, limitsOf, log } = this.#parts;
    const { tenant, bytes, clients, full } = one;
    const limits = limitsOf(tenant);
    const used = partsOf(one, limits);
    for (const bound of ["bytes", "clients"] as const) {
      if (used[bound] >= 0.5) this.#used[bound].set(tenant, used[bound]);
      else this.#used[bound].delete(tenant);
    }
    const over = used.bytes >= 1 ? "bytes" : used.clients >= 1 ? "clients" : undefined;
    const room = 1 - 1 / SHARE;
    if (over !== undefined) {
      if (over !== full && (await stored.mark(tenant, over)))
        log.warn(
          { tenant, bound: over, bytes, clients },
          "Tenant full: its publishing is refused until its clients read",
        );
    } else if (full !== undefined && used.bytes <= room && used.clients <= room && (await stored.clear(tenant)))
      log.info({ tenant, bytes, clients }, "Tenant has room again");
  }
}

function partsOf({ bytes, clients }: TenantStored, limits: TenantLimits): Record<StoredBound, number> {
  return { bytes: bytes / Math.max(1, limits.storedBytes), clients: clients / Math.max(1, limits.storedClients) };
}
