import { overShare } from "@saasaparilla/shared/fairness/fair-share.ts";
import type { LimitsOf } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";

/** One tenant's current use of this distributor. */
export interface Usage {
  connections: number;
  /** The bytes that wait for its slow clients, and the limit of them. */
  bytes: number;
  mostBytes: number;
}

/** Prevents one tenant from using all of a distributor. */
export class TenantUsage {
  readonly #limitsOf: LimitsOf;
  readonly #shares = new Map<string, Usage>();

  constructor(limitsOf: LimitsOf) {
    this.#limitsOf = limitsOf;
  }

  full(tenant: string): boolean {
    return (this.#shares.get(tenant)?.connections ?? 0) >= this.#limitsOf(tenant).connections;
  }

  /** Whether the tenant has its share of the connections here, when `free` more fit. */
  over(tenant: string, free: number): boolean {
    return overShare(this.#shares.get(tenant)?.connections ?? 0, this.#limitsOf(tenant).weight, free);
  }

  /** The tenant opened a connection. */
  opened(tenant: string): Usage {
    let share = this.#shares.get(tenant);
    if (!share) this.#shares.set(tenant, (share = { connections: 0, bytes: 0, mostBytes: 0 }));
    share.mostBytes = this.#limitsOf(tenant).outboxBytes;
    share.connections += 1;
    return share;
  }

  closed(tenant: string): void {
    const share = this.#shares.get(tenant);
    if (!share) return;
    share.connections -= 1;
    if (share.connections === 0) this.#shares.delete(tenant);
  }
}
