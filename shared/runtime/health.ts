/**
 * Live: the process turns its event loop. Ready: every dependency has answered, and it is not draining. A missing
 * dependency is named, so that one request shows why it is not ready. Serving: it was ready once, and is not draining.
 * If a store is down, it still answers by the protocol. A load balancer must check this one: readiness would take all
 * services out at once.
 */
export class Health {
  readonly #missing = new Map<string, string>();
  readonly #ailing = new Map<string, string>();
  #wasReady = false;
  #ending = false;

  constructor(dependencies: readonly string[]) {
    for (const name of dependencies) this.#missing.set(name, "not reached yet");
  }

  up(name: string): void {
    this.#missing.delete(name);
    this.#wasReady ||= this.#missing.size === 0;
  }

  down(name: string, reason: string): void {
    this.#missing.set(name, reason);
  }

  /** Accepts no new work. */
  end(): void {
    this.#ending = true;
    this.down("draining", "the process was asked to end");
  }

  get serving(): boolean {
    return this.#wasReady && !this.#ending;
  }

  /** Reports a problem that an operator must fix, while the service continues. */
  ail(name: string, reason: string): void {
    this.#ailing.set(name, reason);
  }

  heal(name: string): void {
    this.#ailing.delete(name);
  }

  ready(): { ready: boolean; missing: Record<string, string>; ailing?: Record<string, string> } {
    const ailing = this.#ailing.size > 0 ? { ailing: Object.fromEntries(this.#ailing) } : {};
    return { ready: this.#missing.size === 0, missing: Object.fromEntries(this.#missing), ...ailing };
  }
}
