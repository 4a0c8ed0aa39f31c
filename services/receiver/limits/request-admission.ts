import { jittered, problemOf } from "@saasaparilla/shared/http/problem.ts";
import type { Admission, BodyGuard } from "@saasaparilla/shared/http/body-guard.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import { isResponse, problemResponse, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import type { ReceiverMetrics } from "#metrics.ts";
import { costOfRefused } from "#publish/item-cost.ts";
import type { TenantQuota } from "./tenant-quota.ts";

export interface RequestAdmissionParts {
  metrics: Pick<ReceiverMetrics, "busy">;
  /** Bytes that outlive their request, because they wait for Kafka. */
  queued: () => number;
  identify: (request: Request) => Admission<Identity>;
  quota: Pick<TenantQuota, "begin" | "hold" | "end" | "charge">;
}

/**
 * Bounds the requests that this receiver holds at once, and the bytes of their bodies from the first one read. Both
 * bounds exist in total and for each tenant. A request takes its place when its caller is known. Until then it counts
 * only for the pending callers (shared/auth/pending-callers.ts), and its body is not read.
 */
export class RequestAdmission implements BodyGuard<Identity> {
  readonly checksEncoding = true;
  readonly #most: { MAX_REQUESTS: number; MAX_QUEUED_BYTES: number };
  readonly #parts: RequestAdmissionParts;
  #requests = 0;
  #bytes = 0;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(most: { MAX_REQUESTS: number; MAX_QUEUED_BYTES: number }, parts: RequestAdmissionParts) {
    this.#most = most;
    this.#parts = parts;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  admit(request: Request): Admission<Identity> {
    const full = this.#closed ? ending() : this.#crowded();
    if (full) return full;
    const caller = this.#parts.identify(request);
    return caller instanceof Promise ? caller.then((late) => this.#take(late)) : this.#take(caller);
  }

  grant(caller: Identity, bytes: number): HttpResponse | undefined {
    if (bytes > this.#freeBytes) return this.#full("bytes");
    const full = this.#parts.quota.hold(caller, bytes, this.#freeBytes);
    if (full) return full;
    this.#bytes += bytes;
    return undefined;
  }

  release(_: Request, caller: Identity, bytes: number, refused?: HttpResponse): void {
    this.#parts.quota.end(caller, bytes);
    // The answer is already decided; the next request finds less quota.
    if (refused && CHARGED.has(refused.status)) this.#parts.quota.charge(caller, costOfRefused(bytes), bytes);
    this.#requests -= 1;
    this.#bytes -= bytes;
    if (this.requests === 0) this.#idle?.();
  }

  /**
   * Admits no more requests, and resolves when every admitted one is answered. The server refuses the bodies that still
   * arrive.
   */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.requests > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #take(caller: Identity | HttpResponse): Identity | HttpResponse {
    if (isResponse(caller)) return caller;
    // Other requests may have been admitted while this one waited.
    const full = (this.#closed ? ending() : this.#crowded()) ?? this.#parts.quota.begin(caller, this.#freeRequests);
    if (full) return full;
    this.#requests += 1;
    return caller;
  }

  #crowded(): HttpResponse | undefined {
    return this.requests < this.#most.MAX_REQUESTS ? undefined : this.#full("requests");
  }

  get #freeRequests(): number {
    return this.#most.MAX_REQUESTS - this.requests;
  }

  get #freeBytes(): number {
    return this.#most.MAX_QUEUED_BYTES - Math.max(this.#bytes, this.#parts.queued());
  }

  #full(bound: "requests" | "bytes"): HttpResponse {
    this.#parts.metrics.busy(bound);
    return busy();
  }
}

/** Too slow, too large or malformed. Other refusals concern what this receiver or the tenant holds at once. */
const CHARGED: ReadonlySet<number> = new Set([400, 408, 413, 431]);

function ending(): HttpResponse {
  return {
    ...busy(
      "This receiver is shutting down and accepted nothing of this request. Open a new connection and try again.",
    ),
    close: true,
  };
}

function busy(detail?: string): HttpResponse {
  return problemResponse(problemOf("busy", detail, { retryAfter: jittered(1, 5) }));
}
