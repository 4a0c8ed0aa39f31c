import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { tenantOf } from "@saasaparilla/shared/protocol/notification.ts";
import type { StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import type { StoredBound, StoredTenants, TenantStored } from "@saasaparilla/shared/postgres/stored-tenants.ts";
import type { LimitsOf, TenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import type { DirectorMetrics } from "#metrics.ts";

/** A full tenant has room again when 1 / SHARE of its bound is free. */
const SHARE = 20;
/** One check starts no further count of clients after this time. */
const COUNT_MS = 100;
/** Tenants that one statement checks. */
const AT_ONCE = 1_000;

export interface TenantFullnessParts {
  stored: Pick<StoredTenants, "follow" | "countNext" | "of" | "mark" | "clear">;
  limitsOf: LimitsOf;
  metrics: Pick<DirectorMetrics, "failed">;
  log: Log;
  now: () => number;
}

/**
 * Finds tenants that use all their storage, and tenants with room again. Stored rows stay; their publishers are
 * refused.
 */
export class TenantFullness {
  readonly #parts: TenantFullnessParts;
  /** Tenants with newly stored rows since the last check. */
  readonly #due = new Set<string>();
  /** For each bound, the tenants that use at least half of it, with the used part. */
  readonly #used: Record<StoredBound, Map<string, number>> = { bytes: new Map(), clients: new Map() };
  #looking = false;

  constructor(parts: TenantFullnessParts) {
    this.#parts = parts;
  }

  inserted(rows: readonly StoredNotification[]): void {
    let last = "";
    for (const { client } of rows) {
      // Most rows have the same tenant as the row before.
      if (last !== "" && client.startsWith(last)) continue;
      const tenant = tenantOf(client);
      last = `${tenant}/`;
      this.#due.add(tenant);
    }
  }

  /** For each bound, the highest used part of any tenant; 0 if all are below a half. */
  highest(): ReadonlyMap<StoredBound, number> {
    const most = (bound: StoredBound): number => Math.max(0, ...this.#used[bound].values());
    return new Map([
      ["bytes", most("bytes")],
      ["clients", most("clients")],
    ]);
  }

  /** Call it every few seconds. If Postgres is away, due tenants stay due. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { stored, metrics, log } = this.#parts;
    // Rows stored during this check belong to the next one.
    const due = [...this.#due];
    this.#due.clear();
    try {
      for (let at = 0; at < due.length; at += AT_ONCE) await stored.follow(due.slice(at, at + AT_ONCE));
      // Tenants with high use are included, because another director may have counted them or their reads.
      const watched = [...this.#used.bytes.keys(), ...this.#used.clients.keys()];
      const asked = [...new Set([...due, ...watched, ...(await this.#count())])];
      let at = 0;
      do {
        for (const one of await stored.of(asked.slice(at, (at += AT_ONCE)))) await this.#judge(one);
      } while (at < asked.length);
    } catch (error) {
      for (const tenant of due) this.#due.add(tenant);
      metrics.failed("postgres");
      log.warn({ err: error }, `The check of full tenants failed and will be retried: ${messageOf(error)}`);
    } finally {
      this.#looking = false;
    }
  }

  /** Counts tenants in turns, and returns their names. */
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
