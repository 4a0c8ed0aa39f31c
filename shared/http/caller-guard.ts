import type { Admission, Admitted, BodyGuard } from "./body-guard.ts";
import type { Request } from "./request.ts";
import { meters, type Registry } from "#runtime/metrics.ts";
import { jittered, problemOf } from "./problem.ts";
import { problemResponse, type HttpResponse } from "./response.ts";

export interface CallerGuardParts<Caller extends Admitted> {
  /** Returns a refusal as an answer; it throws none. */
  identify: (request: Request) => Admission<Caller>;
  /** The answer to a known caller whose body reaches no handler. */
  refused?: (request: Request, caller: Caller, response: HttpResponse) => void;
  registry: Registry;
  /** Limit on the bytes of bodies held at once, for all callers together. */
  maxBytes?: number;
}

const MAX_BYTES = 8 << 20;

/**
 * Identifies the caller before a body is read. If the caller's key must be fetched, only the socket library keeps the
 * body. Each such body has at most 1 KB, and MAX_WAITERS bounds their number. Its bytes count once the caller is known.
 */
export class CallerGuard<Caller extends Admitted> implements BodyGuard<Caller> {
  readonly #parts: CallerGuardParts<Caller>;
  readonly #maxBytes: number;
  readonly #full: () => void;
  #bytes = 0;

  constructor(parts: CallerGuardParts<Caller>) {
    this.#parts = parts;
    this.#maxBytes = parts.maxBytes ?? MAX_BYTES;
    const { tally, gauge } = meters(parts.registry);
    this.#full = tally("http_bodies_full_total", "Requests answered 503 because the limit of body bytes was reached.");
    gauge("http_body_bytes", "Bytes of bodies in memory.", () => this.#bytes);
  }

  admit(request: Request): Admission<Caller> {
    return this.#parts.identify(request);
  }

  grant(_: Caller, bytes: number): HttpResponse | undefined {
    if (this.#bytes + bytes > this.#maxBytes) {
      this.#full();
      return busy();
    }
    this.#bytes += bytes;
    return undefined;
  }

  release(request: Request, caller: Caller, bytes: number, refused?: HttpResponse): void {
    this.#bytes -= bytes;
    if (refused) this.refused(request, caller, refused);
  }

  refused(request: Request, caller: Caller, response: HttpResponse): void {
    this.#parts.refused?.(request, caller, response);
  }
}

function busy(): HttpResponse {
  const detail = "Other requests use all memory for bodies. Try again after Retry-After.";
  return problemResponse(problemOf("busy", detail, { retryAfter: jittered(1, 5) }));
}
