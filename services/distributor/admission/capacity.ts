import type { IdleLoops } from "#transports/idle-loops.ts";
import type { TenantUsage } from "./tenant-usage.ts";

export interface CapacityParts {
  /** The open connections, including idle loops. */
  peers: { readonly size: number };
  idle: IdleLoops;
  usage: TenantUsage;
  most: number;
}

/** The connections that this distributor can hold. Idle long-poll loops give way to connections in use. */
export class Capacity {
  readonly #parts: CapacityParts;

  constructor(parts: CapacityParts) {
    this.#parts = parts;
  }

  get used(): number {
    return this.#parts.peers.size - this.#parts.idle.size;
  }

  /** The tenant is at its limit of connections, and no idle loop can give way. */
  full(tenant: string): boolean {
    return this.#parts.usage.full(tenant) && !this.#parts.idle.giveWay(tenant);
  }

  /** The tenant has its share of the connections here, and no idle loop can give way. */
  crowded(tenant: string): boolean {
    return this.#parts.usage.over(tenant, this.#parts.most - this.used) && !this.#parts.idle.giveWay(tenant);
  }

  /** Call it after each opened connection. */
  opened(): void {
    if (this.#parts.peers.size > this.#parts.most) this.#parts.idle.giveWay();
  }
}
