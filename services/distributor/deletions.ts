import type { ClientKey, Sequence } from "@saasaparilla/shared/notification.ts";

/** Acknowledged rows are deleted for many clients at a time. What fails waits for the next time; there is one entry a client. */
const LINGER_MS = 50;
const RETRY_MS = 2_000;

export class Deletions {
  readonly #delete: (acknowledged: ReadonlyMap<ClientKey, Sequence>) => Promise<unknown>;
  readonly #failed: (error: unknown) => void;
  readonly #waiting = new Map<ClientKey, Sequence>();
  #timer: NodeJS.Timeout | undefined;
  #flushing = false;

  constructor(
    remove: (acknowledged: ReadonlyMap<ClientKey, Sequence>) => Promise<unknown>,
    failed: (error: unknown) => void,
  ) {
    this.#delete = remove;
    this.#failed = failed;
  }

  add(key: ClientKey, upTo: Sequence): void {
    if ((this.#waiting.get(key) ?? "") < upTo) this.#waiting.set(key, upTo);
    if (!this.#flushing) this.#timer ??= setTimeout(() => void this.flush(), LINGER_MS);
  }

  /** Clients whose acknowledged rows are still there. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** One statement at a time: many would keep all connections from those who read. */
  async flush(): Promise<void> {
    if (this.#flushing || this.#waiting.size === 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = true;
    const batch = new Map([...this.#waiting].slice(0, 5_000));
    for (const key of batch.keys()) this.#waiting.delete(key);
    let next = LINGER_MS;
    try {
      await this.#delete(batch);
    } catch (error) {
      this.#failed(error);
      next = RETRY_MS;
      for (const [key, upTo] of batch) if ((this.#waiting.get(key) ?? "") < upTo) this.#waiting.set(key, upTo);
    }
    this.#flushing = false;
    if (this.#waiting.size > 0) this.#timer = setTimeout(() => void this.flush(), next);
  }
}
