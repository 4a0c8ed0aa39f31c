import type { Reply } from "./reply.ts";

const HEADERS = "authorization, content-type, idempotency-key, last-event-id, traceparent";
const SHOWN = "retry-after, ratelimit, ratelimit-policy, idempotency-replayed";
const NONE: Readonly<Record<string, string>> = {};

/**
 * Which pages of which sites may speak with us from a browser: those that are named, by their whole origin. Who is no browser sends no
 * origin, and is not asked for one. No cookie is ever read, so there are no credentials to allow.
 */
export class Origins {
  readonly #allowed: ReadonlySet<string>;

  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed);
  }

  /** A browser lets any page open a WebSocket anywhere: here alone it is asked whose it is. */
  allows(origin: string | undefined): boolean {
    return origin === undefined || this.#allowed.has(origin);
  }

  /** What lets the page read the answer (the Fetch standard, CORS). */
  headers(origin: string): Readonly<Record<string, string>> {
    if (this.#allowed.size === 0) return NONE;
    if (origin === "" || !this.#allowed.has(origin)) return { vary: "origin" };
    return { vary: "origin", "access-control-allow-origin": origin, "access-control-expose-headers": SHOWN };
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
