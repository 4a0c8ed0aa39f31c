import type { Policies } from "#auth/policies/policies.ts";
import { anyPortOf } from "./origin.ts";
import type { HttpResponse } from "./response.ts";

const HEADERS =
  "authorization, baggage, cache-control, content-type, idempotency-key, last-event-id, traceparent, tracestate";
const SHOWN = "retry-after, ratelimit, ratelimit-policy, idempotency-replayed, www-authenticate";
/** Of every answer: no browser is to take it for something that its content type does not say. */
const EVERY: Readonly<Record<string, string>> = { "x-content-type-options": "nosniff" };
const OTHER: Readonly<Record<string, string>> = { ...EVERY, vary: "origin" };

/**
 * The sites whose pages may call from a browser: those of ALLOWED_ORIGINS for every tenant, and those of a tenant's document for that tenant.
 * A preflight, and a request before its token is checked, name no tenant: there an origin counts if any tenant has it. No cookie is
 * ever read, so there are no credentials to allow.
 */
export class Cors {
  readonly #allowed: ReadonlySet<string>;
  #policies: Pick<Policies, "tenant" | "origins"> | undefined;

  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed);
  }

  /** From now on tenants' documents count, too. */
  follow(policies: Pick<Policies, "tenant" | "origins">): void {
    this.#policies = policies;
  }

  /** Whether pages of this origin may call at all. A caller that is no browser sends no origin. */
  knows(origin: string | undefined): boolean {
    return (
      origin === undefined ||
      this.#isUsual(origin) ||
      (this.#policies !== undefined && named(this.#policies.origins, origin))
    );
  }

  /** Whether they may call for this tenant. */
  allows(origin: string, tenant: string): boolean {
    const own = this.#policies?.tenant(tenant)?.origins;
    return this.#isUsual(origin) || (own !== undefined && named(own, origin));
  }

  /** Why a page of this origin is refused for a tenant; undefined: it is not. */
  refusal(origin: string, tenant: string): string | undefined {
    if (this.allows(origin, tenant)) return undefined;
    return `the origin ${JSON.stringify(origin)} is neither in the tenant's document nor in ALLOWED_ORIGINS`;
  }

  #isUsual(origin: string): boolean {
    return named(this.#allowed, origin);
  }

  /** What every answer has; with what lets a page of an allowed site read it (the Fetch standard, CORS). */
  headers(origin: string): Readonly<Record<string, string>> {
    if (this.#allowed.size === 0 && (this.#policies?.origins.size ?? 0) === 0) return EVERY;
    if (origin === "" || !this.knows(origin)) return OTHER;
    return { ...OTHER, "access-control-allow-origin": origin, "access-control-expose-headers": SHOWN };
  }

  /** To OPTIONS: what there is, and for a page that may, what it may send. */
  preflight(origin: string, methods: readonly string[]): HttpResponse {
    const headers: Record<string, string> = { allow: [...methods, "OPTIONS"].join(", "), ...this.headers(origin) };
    if (origin !== "" && this.knows(origin)) {
      headers["access-control-allow-methods"] = methods.join(", ");
      headers["access-control-allow-headers"] = HEADERS;
      headers["access-control-max-age"] = "600";
    }
    return { status: 204, headers };
  }
}

/** Itself, or by any port of this machine. */
function named(origins: Pick<ReadonlySet<string>, "has">, origin: string): boolean {
  if (origins.has(origin)) return true;
  const anyPort = anyPortOf(origin);
  return anyPort !== undefined && origins.has(anyPort);
}
