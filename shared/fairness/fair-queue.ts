interface Line<K, V> {
  readonly weight: number;
  /** What the line may still take in this turn. Below 0: what it took too much. */
  credit: number;
  readonly waiting: Map<K, V>;
}

/**
 * Work for one worker, in one line per tenant. The lines take turns: deficit round robin (Shreedhar and Varghese,
 * 1995). In a turn a tenant takes work that costs `quantum` for each unit of its weight. The order within a tenant
 * stays. A tenant without waiting work is forgotten. Pure.
 */
export class FairQueue<K, V> {
  readonly #quantum: number;
  readonly #weightOf: (tenant: string) => number;
  /** The line with the next turn is first. */
  readonly #lines = new Map<string, Line<K, V>>();
  #size = 0;

  constructor(weightOf: (tenant: string) => number, quantum = 1) {
    this.#weightOf = weightOf;
    this.#quantum = quantum;
  }

  get size(): number {
    return this.#size;
  }

  get(tenant: string, key: K): V | undefined {
    return this.#lines.get(tenant)?.waiting.get(key);
  }

  /** Whether work of this tenant waits. */
  has(tenant: string): boolean {
    return this.#lines.has(tenant);
  }

  sizeOf(tenant: string): number {
    return this.#lines.get(tenant)?.waiting.size ?? 0;
  }

  /** Appends to its tenant's line. If the key waits already, its value is replaced in place. */
  set(tenant: string, key: K, value: V): void {
    let line = this.#lines.get(tenant);
    if (!line) this.#lines.set(tenant, (line = { weight: this.#weightOf(tenant), credit: 0, waiting: new Map() }));
    const before = line.waiting.size;
    line.waiting.set(key, value);
    this.#size += line.waiting.size - before;
  }

  delete(tenant: string, key: K): void {
    const line = this.#lines.get(tenant);
    if (!line?.waiting.delete(key)) return;
    this.#size -= 1;
    if (line.waiting.size === 0) this.#lines.delete(tenant);
  }

  /** Removes the entry whose turn it is. */
  shift(cost: (key: K) => number = one): [K, V] | undefined {
    for (const [tenant, line] of this.#lines) {
      if (line.credit <= 0) line.credit += this.#quantum * line.weight;
      if (line.credit <= 0) {
        this.#toEnd(tenant, line);
        continue;
      }
      const [next] = line.waiting as Iterable<[K, V]>;
      line.credit -= cost(next![0]);
      this.delete(tenant, next![0]);
      if (line.waiting.size > 0 && line.credit <= 0) this.#toEnd(tenant, line);
      return next;
    }
    return undefined;
  }

  /** The lines of all tenants, each with the longest wait first. */
  *lines(): Iterable<readonly [tenant: string, waiting: ReadonlyMap<K, V>]> {
    for (const [tenant, { waiting }] of this.#lines) yield [tenant, waiting];
  }

  /** Iteration over a map includes entries appended meanwhile, so one loop takes turn after turn. */
  #toEnd(tenant: string, line: Line<K, V>): void {
    this.#lines.delete(tenant);
    this.#lines.set(tenant, line);
  }
}

const one = (): number => 1;
