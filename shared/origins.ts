import type { Reply } from "./reply.ts";

const HEADERS =
  "authorization, baggage, cache-control, content-type, idempotency-key, last-event-id, traceparent, tracestate";
const SHOWN = "retry-after, ratelimit, ratelimit-policy, idempotency-replayed, www-authenticate";
/** Of every answer: no browser is to take it for something that its content type does not say. */
const EVERY: Readonly<Record<string, string>> = { "x-content-type-options": "nosniff" };
const OTHER: Readonly<Record<string, string>> = { ...EVERY, vary: "origin" };

/**
 * Which pages of which sites may speak with us from a browser: those that are named, by their whole origin. Who is no browser sends no
 * origin, and is not asked for one. No cookie is ever read, so there are no credentials to allow.
 */
export class Origins {
  readonly #allowed: ReadonlyMap<string, Readonly<Record<string, string>>>;

  constructor(allowed: readonly string[]) {
    this.#allowed = new Map(
      allowed.map((origin) => [
        origin,
        { ...OTHER, "access-control-allow-origin": origin, "access-control-expose-headers": SHOWN },
      ]),
    );
  }

  /** A browser lets any page open a WebSocket anywhere: here alone it is asked whose it is. */
  allows(origin: string | undefined): boolean {
    return origin === undefined || this.#allowed.has(origin);
  }

  /** What every answer has; with what lets a page of an allowed site read it (the Fetch standard, CORS). */
  headers(origin: string): Readonly<Record<string, string>> {
    if (this.#allowed.size === 0) return EVERY;
    return this.#allowed.get(origin) ?? OTHER;
  }

  /** To OPTIONS: what there is, and for a page that may, what it may send. */
  preflight(origin: string, methods: readonly string[]): Reply {
    const headers: Record<string, string> = { allow: [...methods, "OPTIONS"].join(", "), ...this.headers(origin) };
    if (origin !== "" && this.#allowed.has(origin)) {
      headers["access-control-allow-methods"] = methods.join(", ");
      headers["access-control-allow-headers"] = HEADERS;
      headers["access-control-max-age"] = "600";
    }
    return { status: 204, headers };
  }
}
