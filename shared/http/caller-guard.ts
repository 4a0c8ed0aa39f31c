import type { BodyGuard } from "./request-body.ts";
import type { Request } from "./request.ts";
import { meters, type Registry } from "#runtime/metrics.ts";
import { jittered, problemOf } from "./problem.ts";
import { problemResponse, type HttpResponse } from "./response.ts";

export interface CallerGuardParts<Caller> {
  /** Returns a refusal as an answer; it throws none. */
  identify: (request: Request) => Caller | HttpResponse | Promise<Caller | HttpResponse>;
  /** The answer to a known caller whose body reaches no handler. */
  refused?: (request: Request, caller: Caller, response: HttpResponse) => void;
  registry: Registry;
  /** Limit on the bytes of bodies held at once, for all callers together. */
  maxBytes?: number;
}

const MAX_BYTES = 8 << 20;

/**
 * Identifies the caller before a body is read. If the caller's key must be fetched, only the socket library keeps the
 * body. Each such body has at most 1 KB, and MAX_WAITERS bounds their number.
 */
export class CallerGuard<Caller extends object> implements BodyGuard {
  readonly #parts: CallerGuardParts<Caller>;
  readonly #maxBytes: number;
  readonly #callers = new WeakMap<Request, Caller | HttpResponse | Promise<Caller | HttpResponse>>();
  readonly #full: () => void;
  #bytes = 0;

  constructor(parts: CallerGuardParts<Caller>) {
    this.#parts = parts;
    this.#maxBytes = parts.maxBytes ?? MAX_BYTES;
    const { tally, gauge } = meters(parts.registry);
    this.#full = tally("http_bodies_full_total", "Requests answered 503 because the limit of body bytes was reached.");
    gauge("http_body_bytes", "Bytes of bodies in memory.", () => this.#bytes);
  }

  admit(request: Request): HttpResponse | undefined | Promise<HttpResponse | undefined> {
    const caller = this.#parts.identify(request);
    this.#callers.set(request, caller);
    return caller instanceof Promise ? caller.then(refusalIn) : refusalIn(caller);
  }

  grant(_: Request, bytes: number): HttpResponse | undefined {
    if (this.#bytes + bytes > this.#maxBytes) {
      this.#full();
      return busy();
    }
    this.#bytes += bytes;
    return undefined;
  }

  release(request: Request, bytes: number, refused?: HttpResponse): void {
    this.#bytes -= bytes;
    if (refused) this.refused(request, refused);
  }

  refused(request: Request, response: HttpResponse): void {
    const tell = (caller: Caller | HttpResponse | undefined): void => {
      if (caller && !isResponse(caller)) this.#parts.refused?.(request, caller, response);
    };
    const caller = this.#callers.get(request);
    if (caller instanceof Promise) caller.then(tell, () => undefined);
    else tell(caller);
  }

  /** The caller. An answer means that the body was complete before the caller was refused. */
  callerOf(request: Request): Caller | HttpResponse | Promise<Caller | HttpResponse> {
    return this.#callers.get(request)!;
  }
}

function refusalIn(caller: object): HttpResponse | undefined {
  return isResponse(caller) ? caller : undefined;
}

export function isResponse(value: object): value is HttpResponse {
  return "status" in value;
}

function busy(): HttpResponse {
  const detail = "Other requests use all memory for bodies. Try again after Retry-After.";
  return problemResponse(problemOf("busy", detail, { retryAfter: jittered(1, 5) }));
}
