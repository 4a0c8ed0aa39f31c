import { overShare } from "@saasaparilla/shared/fairness/fair-share.ts";
import type { LimitsOf } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";

/** What one tenant has of this distributor now. */
export interface Usage {
  connections: number;
  /** That wait for its slow clients, and the most that may. */
  bytes: number;
  mostBytes: number;
}

/** No tenant has all of a distributor. */
export class TenantUsage {
  readonly #limitsOf: LimitsOf;
  readonly #shares = new Map<string, Usage>();

  constructor(limitsOf: LimitsOf) {
    this.#limitsOf = limitsOf;
  }

  full(tenant: string): boolean {
    return (this.#shares.get(tenant)?.connections ?? 0) >= this.#limitsOf(tenant).connections;
  }

  /** Whether it has its share of the connections here, of which so many may still come. */
  over(tenant: string, free: number): boolean {
    return overShare(this.#shares.get(tenant)?.connections ?? 0, this.#limitsOf(tenant).weight, free);
  }

  /** A connection of its has begun. */
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
