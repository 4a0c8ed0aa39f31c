/**
 * Live: the process turns its event loop. Ready: every dependency it needs has answered, and it is not draining. What is
 * missing is named, so that "why is it not ready" is one request away.
 */
export class Health {
  readonly #missing = new Map<string, string>();
  readonly #ailing = new Map<string, string>();

  constructor(dependencies: readonly string[]) {
    for (const name of dependencies) this.#missing.set(name, "not reached yet");
  }

  up(name: string): void {
    this.#missing.delete(name);
  }

  down(name: string, reason: string): void {
    this.#missing.set(name, reason);
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
