/**
 * Live: the process turns its event loop. Ready: every dependency it needs has answered, and it is not draining. What is
 * missing is named, so that "why is it not ready" is one request away. Serving: it was ready once, and is not draining: it answers as the
 * protocol says where a store is away, so that is what a load balancer asks, which would else take all of them out at once.
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

  /** Nobody new is to come in. */
  end(): void {
    this.#ending = true;
    this.down("draining", "the process was asked to end");
  }

  get serving(): boolean {
    return this.#wasReady && !this.#ending;
  }

  /** Something is wrong that somebody must mend, and this goes on serving. */
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
