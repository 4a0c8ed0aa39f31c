import { jittered, problemOf } from "@saasaparilla/shared/problem.ts";
import type { Guard } from "@saasaparilla/shared/http-body.ts";
import type { Request } from "@saasaparilla/shared/http.ts";
import type { Identity } from "@saasaparilla/shared/identity.ts";
import { problemReply, type Reply } from "@saasaparilla/shared/reply.ts";
import type { ReceiverMetrics } from "./metrics.ts";
import { costOfRefused } from "./parse.ts";
import type { Quota } from "./quota.ts";

export interface LimitsParts {
  metrics: Pick<ReceiverMetrics, "busy">;
  /** Bytes that outlive their request: they wait for Kafka. */
  queued: () => number;
  identify: (request: Request) => Identity | Reply | Promise<Identity | Reply>;
  quota: Pick<Quota, "begin" | "hold" | "end" | "charge">;
}

/** A request that was admitted: who asks is known at once, but where the token's key is to be had first. */
interface Admitted {
  caller: Identity | undefined;
  known: Promise<Identity | Reply>;
  bytes: number;
}

/**
 * What this receiver holds at once is bounded: requests, and the bytes of their bodies from the first one read; of all together, and of
 * each tenant. So who asks is found out before a body is read: what anybody could send would keep those out who may.
 */
export class Limits implements Guard {
  readonly checksEncoding = true;
  readonly #most: { MAX_REQUESTS: number; MAX_QUEUED_BYTES: number };
  readonly #parts: LimitsParts;
  readonly #admitted = new Map<Request, Admitted>();
  #bytes = 0;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(most: { MAX_REQUESTS: number; MAX_QUEUED_BYTES: number }, parts: LimitsParts) {
    this.#most = most;
    this.#parts = parts;
  }

  get requests(): number {
    return this.#admitted.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  admit(request: Request): Reply | undefined | Promise<Reply | undefined> {
    if (this.#closed) {
      const reply = busy("This receiver is ending, and accepted nothing of this. Connect again.");
      return { ...reply, close: true };
    }
    if (this.requests >= this.#most.MAX_REQUESTS) return this.#full("requests");
    const caller = this.#parts.identify(request);
    if (caller instanceof Promise) {
      const admitted: Admitted = {
        caller: undefined,
        known: caller.then((late) => this.#take(request, late)),
        bytes: 0,
      };
      this.#admitted.set(request, admitted);
      return admitted.known.then((late) => ("status" in late ? late : undefined));
    }
    if ("status" in caller) return caller;
    const full = this.#parts.quota.begin(caller, this.#freeRequests);
    if (!full) this.#admitted.set(request, { caller, known: Promise.resolve(caller), bytes: 0 });
    return full;
  }

  /** Who asks, or the answer where it is refused. */
  callerOf(request: Request): Promise<Identity | Reply> {
    return this.#admitted.get(request)!.known;
  }

  grant(request: Request, bytes: number): Reply | undefined {
    if (bytes > this.#freeBytes) return this.#full("bytes");
    const admitted = this.#admitted.get(request)!;
    const full = admitted.caller && this.#parts.quota.hold(admitted.caller, bytes, this.#freeBytes);
    if (full) return full;
    admitted.bytes += bytes;
    this.#bytes += bytes;
    return undefined;
  }

  release(request: Request, bytes: number, refused?: Reply): void {
    const { caller } = this.#admitted.get(request)!;
    if (caller) {
      this.#parts.quota.end(caller, bytes);
      // Its answer is known already: the next request finds less.
      if (refused && CHARGED.has(refused.status)) this.#parts.quota.charge(caller, costOfRefused(bytes), bytes);
    }
    this.#admitted.delete(request);
    this.#bytes -= bytes;
    if (this.requests === 0) this.#idle?.();
  }

  /** Admits no more, and resolves when every admitted request is answered. The server refuses the bodies that still arrive. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.requests > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  /** From now on what has come of a request counts for its tenant. */
  #take(request: Request, caller: Identity | Reply): Identity | Reply {
    const admitted = this.#admitted.get(request);
    // It went meanwhile.
    if (!admitted || "status" in caller) return caller;
    const full = this.#parts.quota.begin(caller, this.#freeRequests);
    if (full) return full;
    const late = this.#parts.quota.hold(caller, admitted.bytes, this.#freeBytes);
    if (late) this.#parts.quota.end(caller, 0);
    else admitted.caller = caller;
    return late ?? caller;
  }

  get #freeRequests(): number {
    return this.#most.MAX_REQUESTS - this.requests;
  }

  get #freeBytes(): number {
    return this.#most.MAX_QUEUED_BYTES - Math.max(this.#bytes, this.#parts.queued());
  }

  #full(bound: "requests" | "bytes"): Reply {
    this.#parts.metrics.busy(bound);
    return busy();
  }
}

/** Too slow, too large, or malformed. Other refusals are for what this receiver or the tenant holds at once. */
const CHARGED: ReadonlySet<number> = new Set([400, 408, 413, 431]);

function busy(detail?: string): Reply {
  return problemReply(problemOf("busy", detail, { retryAfter: jittered(1, 5) }));
}
