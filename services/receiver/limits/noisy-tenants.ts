import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { TenantUse, Use } from "@saasaparilla/shared/postgres/tenant-use.ts";

/** The most tenants with counted requests until the next report. Further tenants are not counted. */
const MOST_TENANTS = 10_000;
/** The number of tenants in each report, of each kind. */
const REPORTED = 20;
/** The least time between two logs of a tenant's refusals. */
const LOG_MS = 30_000;
/** The most tenants with logged refusals within that time. */
const MOST_LOGGED = 100;

export interface NoisyTenantsParts {
  source: Pick<TenantUse, "report">;
  /** This receiver's UUID. */
  name: string;
  everyMs: number;
  log: Log;
  now: () => number;
}

/** Reports the tenants that publish most or are refused most, for operators who look for the loud one. */
export class NoisyTenants {
  readonly #parts: NoisyTenantsParts;
  #uses = new Map<string, Use>();
  /** When a tenant was last logged, and its refusals since then. */
  readonly #logged = new Map<string, { at: number; refused: Record<string, number> }>();
  #since: number;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(parts: NoisyTenantsParts) {
    this.#parts = parts;
    this.#since = parts.now();
  }

  /** Repeats until `end`. */
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
      log.debug({ err: error }, `Reporting the loudest tenants failed: ${messageOf(error)}`);
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
