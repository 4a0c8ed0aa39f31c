import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { TenantUse, Use } from "@saasaparilla/shared/postgres/tenant-use.ts";

/** Tenants whose requests are counted until the next report; those beyond are not. */
const MOST_TENANTS = 10_000;
/** Of each kind, the loudest of them are reported. */
const REPORTED = 20;
/** A tenant's refusals are logged so far apart, at least. */
const LOG_MS = 30_000;
/** Tenants whose refusals are logged within that time. */
const MOST_LOGGED = 100;

export interface LoudParts {
  source: Pick<TenantUse, "report">;
  /** Of this receiver: a UUID. */
  name: string;
  everyMs: number;
  log: Log;
  now: () => number;
}

/** Which tenants publish most, and which are refused: for operators, who look for the loud one. */
export class Loud {
  readonly #parts: LoudParts;
  #uses = new Map<string, Use>();
  /** When a tenant was logged, and what was refused since. */
  readonly #logged = new Map<string, { at: number; refused: Record<string, number> }>();
  #since: number;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(parts: LoudParts) {
    this.#parts = parts;
    this.#since = parts.now();
  }

  /** Again and again, until `end`. */
  start(): void {
    this.#timer = setTimeout(() => {
      void this.report().then(() => {
        if (!this.#ended) this.start();
      });
    }, this.#parts.everyMs);
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  took(tenant: string, notifications: number, bytes: number): void {
    const use = this.#of(tenant);
    if (!use) return;
    use.notifications += notifications;
    use.bytes += bytes;
  }

  refused(tenant: string, limit: string): void {
    const use = this.#of(tenant);
    if (use) count(use.refused, limit);
    let logged = this.#logged.get(tenant);
    if (!logged) {
      if (this.#logged.size >= MOST_LOGGED) return;
      this.#logged.set(tenant, (logged = { at: -Infinity, refused: {} }));
    }
    count(logged.refused, limit);
    this.#say(tenant, logged);
  }

  async report(): Promise<void> {
    const { source, name, log, now } = this.#parts;
    const uses = [...this.#uses.values()];
    const seconds = Math.max(0.001, (now() - this.#since) / 1_000);
    this.#uses = new Map();
    this.#since = now();
    for (const [tenant, logged] of this.#logged) {
      this.#say(tenant, logged);
      if (logged.at < now() - LOG_MS) this.#logged.delete(tenant);
    }
    try {
      await source.report(name, seconds, loudest(uses));
    } catch (error) {
      log.debug({ err: error }, `The loudest tenants were not reported: ${messageOf(error)}`);
    }
  }

  #of(tenant: string): Use | undefined {
    let use = this.#uses.get(tenant);
    if (use || this.#uses.size >= MOST_TENANTS) return use;
    use = { tenant, notifications: 0, bytes: 0, refused: {} };
    this.#uses.set(tenant, use);
    return use;
  }

  #say(tenant: string, logged: { at: number; refused: Record<string, number> }): void {
    const { log, now } = this.#parts;
    if (logged.at >= now() - LOG_MS || Object.keys(logged.refused).length === 0) return;
    log.warn({ tenant, refused: logged.refused }, "Tenant refused at its limits");
    logged.at = now();
    logged.refused = {};
  }
}

function count(counts: Record<string, number>, limit: string): void {
  counts[limit] = (counts[limit] ?? 0) + 1;
}

function loudest(uses: readonly Use[]): Use[] {
  const refusals = ({ refused }: Use): number => Object.values(refused).reduce((sum, one) => sum + one, 0);
  const by = (most: (use: Use) => number): Use[] =>
    uses.toSorted((one, other) => most(other) - most(one)).slice(0, REPORTED);
  return [...new Set([...by(({ bytes }) => bytes), ...by(({ notifications }) => notifications), ...by(refusals)])];
}
