import type { Policies } from "#auth/policies/policies.ts";
import { anyPortOf } from "./origin.ts";
import type { HttpResponse } from "./response.ts";

const HEADERS =
  "authorization, baggage, cache-control, content-type, idempotency-key, last-event-id, traceparent, tracestate";
const SHOWN = "retry-after, ratelimit, ratelimit-policy, idempotency-replayed, www-authenticate";
/** On every answer: a browser must not guess a type other than the content type. */
const EVERY: Readonly<Record<string, string>> = { "x-content-type-options": "nosniff" };
const OTHER: Readonly<Record<string, string>> = { ...EVERY, vary: "origin" };

/**
 * The sites whose pages may call from a browser. ALLOWED_ORIGINS counts for every tenant; a tenant's document counts
 * for that tenant. A preflight, and a request before its token is checked, name no tenant. There an origin counts if
 * any tenant has it. The service never reads a cookie, so it allows no credentials.
 */
export class Cors {
  readonly #allowed: ReadonlySet<string>;
  #policies: Pick<Policies, "tenant" | "origins"> | undefined;

  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed);
  }

  /** Adds the origins in tenants' documents. */
  follow(policies: Pick<Policies, "tenant" | "origins">): void {
    this.#policies = policies;
  }

  /** Whether pages of this origin may call at all. A caller outside a browser sends no origin. */
  knows(origin: string | undefined): boolean {
    return (
      origin === undefined ||
      this.#isUsual(origin) ||
      (this.#policies !== undefined && named(this.#policies.origins, origin))
    );
  }

  /** Whether pages of this origin may call for this tenant. */
  allows(origin: string, tenant: string): boolean {
    const own = this.#policies?.tenant(tenant)?.origins;
    return this.#isUsual(origin) || (own !== undefined && named(own, origin));
  }

  /** Why a page of this origin is refused for a tenant, or undefined. */
  refusal(origin: string, tenant: string): string | undefined {
    if (this.allows(origin, tenant)) return undefined;
    return `the origin ${JSON.stringify(origin)} is neither in the tenant's document nor in ALLOWED_ORIGINS`;
  }

  #isUsual(origin: string): boolean {
    return named(this.#allowed, origin);
  }

  /** Headers of every answer, with those that let a page of an allowed site read it (the Fetch standard, CORS). */
  headers(origin: string): Readonly<Record<string, string>> {
    if (this.#allowed.size === 0 && (this.#policies?.origins.size ?? 0) === 0) return EVERY;
    if (origin === "" || !this.knows(origin)) return OTHER;
    return { ...OTHER, "access-control-allow-origin": origin, "access-control-expose-headers": SHOWN };
  }

  /** The answer to OPTIONS: the methods, and the headers that an allowed page may send. */
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

/** True if the set has the origin, or its host of this machine with any port. */
function named(origins: Pick<ReadonlySet<string>, "has">, origin: string): boolean {
  if (origins.has(origin)) return true;
  const anyPort = anyPortOf(origin);
  return anyPort !== undefined && origins.has(anyPort);
}
