/** A tenant may have this many times the free places, for each unit of its weight: alone, 8/9 of all. */
export const BORROWED = 8;

/** Whether a tenant with this use may take no more while this much is free. */
export function overShare(used: number, weight: number, free: number): boolean {
  return used >= BORROWED * weight * free;
}

/** The part of a resource that one tenant has now. */
export interface Part {
  readonly tenant: string;
  weight: number;
  used: number;
  /** False once the tenant was forgotten. Then its successor counts. */
  known: boolean;
  /** It used nothing at the last sweep. */
  idle: boolean;
}

/**
 * The places of one bounded resource, shared among tenants by the dynamic threshold of shared-memory switches
 * (Choudhury and Hahne, 1998). A tenant is over its share while it uses `BORROWED * weight` times the free places, or
 * more. So it borrows unused places, and some places are always free for another tenant. Tenants that want everything
 * get parts in proportion to their weights. Pure.
 */
export class FairShare {
  readonly bound: number;
  readonly #weightOf: (tenant: string) => number;
  readonly #parts = new Map<string, Part>();
  #used = 0;

  constructor(bound: number, weightOf: (tenant: string) => number) {
    this.bound = bound;
    this.#weightOf = weightOf;
  }

  get used(): number {
    return this.#used;
  }

  /** Number of remembered tenants. */
  get tenants(): number {
    return this.#parts.size;
  }

  /** Keep it only while `known`. */
  of(tenant: string): Part {
    let part = this.#parts.get(tenant);
    if (!part) {
      part = { tenant, weight: this.#weightOf(tenant), used: 0, known: true, idle: false };
      this.#parts.set(tenant, part);
    }
    return part;
  }

  take(part: Part, places = 1): void {
    part.used += places;
    this.#used += places;
  }

  give(part: Part, places = 1): void {
    part.used -= places;
    this.#used -= places;
  }

  /** Whether it may take no more now. */
  over({ used, weight }: Part, free = this.bound - this.#used): boolean {
    return overShare(used, weight, free);
  }

  /** The same for a tenant that may be unknown. The call does not make it remembered. */
  isOver(tenant: string, free?: number): boolean {
    const part = this.#parts.get(tenant);
    return part ? this.over(part, free) : overShare(0, this.#weightOf(tenant), free ?? this.bound - this.#used);
  }

  /** Whether any tenant may have to give back. It is false while half of the places are free. */
  pressed(): boolean {
    if (this.#used * 2 <= this.bound) return false;
    for (const part of this.#parts.values()) if (this.over(part)) return true;
    return false;
  }

  /** Call it once a second. It reads weights again, and forgets tenants that used nothing at two calls in a row. */
  sweep(): void {
    for (const [tenant, part] of this.#parts) {
      if (part.used === 0 && part.idle) {
        part.known = false;
        this.#parts.delete(tenant);
      } else {
        part.idle = part.used === 0;
        part.weight = this.#weightOf(tenant);
      }
    }
  }
}
