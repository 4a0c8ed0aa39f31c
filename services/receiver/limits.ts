import { bearer } from "@saasaparilla/shared/identity.ts";
import type { Guard, Request } from "@saasaparilla/shared/http.ts";
import { problemReply, type Reply } from "@saasaparilla/shared/reply.ts";
import { jittered } from "@saasaparilla/shared/problem.ts";
import type { ReceiverMetrics } from "./metrics.ts";
import { problemOf } from "./problems.ts";

/** What this receiver holds at once is bounded: requests, and the bytes of their bodies from the first one read. */
export class Limits implements Guard {
  readonly #most: { MAX_REQUESTS: number; MAX_QUEUED_BYTES: number };
  readonly #metrics: Pick<ReceiverMetrics, "busy">;
  readonly #refuseToken: (request: Request) => Reply;
  /** Bytes that outlive their request: they wait for Kafka. */
  readonly #queued: () => number;
  #requests = 0;
  #bytes = 0;
  #closed = false;
  #idle: (() => void) | undefined;

  constructor(
    most: { MAX_REQUESTS: number; MAX_QUEUED_BYTES: number },
    parts: { metrics: Pick<ReceiverMetrics, "busy">; queued: () => number; refuseToken: (request: Request) => Reply },
  ) {
    this.#most = most;
    this.#metrics = parts.metrics;
    this.#queued = parts.queued;
    this.#refuseToken = parts.refuseToken;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  admit(request: Request): Reply | undefined {
    if (this.#closed) {
      const reply = busy("This receiver is ending, and accepted nothing of this. Connect again.");
      return { ...reply, headers: { ...reply.headers, connection: "close" } };
    }
    // A body without a token is not worth reading.
    if (bearer(request.headers.authorization) === undefined) return this.#refuseToken(request);
    if (this.#requests >= this.#most.MAX_REQUESTS) return this.#full("requests");
    this.#requests += 1;
    return undefined;
  }

  grant(bytes: number): Reply | undefined {
    if (Math.max(this.#bytes, this.#queued()) + bytes > this.#most.MAX_QUEUED_BYTES) return this.#full("bytes");
    this.#bytes += bytes;
    return undefined;
  }

  release(bytes: number): void {
    this.#requests -= 1;
    this.#bytes -= bytes;
    if (this.#requests === 0) this.#idle?.();
  }

  /** Admits no more, and resolves when every admitted request is answered. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#requests > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #full(bound: "requests" | "bytes"): Reply {
    this.#metrics.busy(bound);
    return busy();
  }
}

function busy(detail?: string): Reply {
  return problemReply(problemOf("busy", detail, { retryAfter: jittered(1, 5) }));
}
