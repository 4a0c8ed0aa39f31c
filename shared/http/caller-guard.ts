import type { Guard } from "./request-body.ts";
import type { Request } from "./server.ts";
import { meters, type Registry } from "#runtime/metrics.ts";
import { jittered, problemOf } from "./problem.ts";
import { problemReply, type Reply } from "./response.ts";

export interface CallerGuardParts<Caller> {
  /** Throws no refusal: it is a reply. */
  identify: (request: Request) => Caller | Reply | Promise<Caller | Reply>;
  /** The answer to a known caller whose body no handler gets. */
  refused?: (request: Request, caller: Caller, reply: Reply) => void;
  registry: Registry;
  /** Of bodies that are held at once, of all callers together. */
  maxBytes?: number;
}

const MAX_BYTES = 8 << 20;

/** Finds out who calls before a body is read. Only the socket library keeps the body of a caller whose key is being fetched: 1 KB each at most, and MAX_WAITERS bounds them. */
export class CallerGuard<Caller extends object> implements Guard {
  readonly #parts: CallerGuardParts<Caller>;
  readonly #maxBytes: number;
  readonly #callers = new WeakMap<Request, Caller | Reply | Promise<Caller | Reply>>();
  readonly #full: () => void;
  #bytes = 0;

  constructor(parts: CallerGuardParts<Caller>) {
    this.#parts = parts;
    this.#maxBytes = parts.maxBytes ?? MAX_BYTES;
    const { tally, gauge } = meters(parts.registry);
    this.#full = tally(
      "http_bodies_full_total",
      "Requests that were answered 503 because as many bytes of bodies as allowed were held.",
    );
    gauge("http_body_bytes", "Bytes of bodies that are held.", () => this.#bytes);
  }

  admit(request: Request): Reply | undefined | Promise<Reply | undefined> {
    const caller = this.#parts.identify(request);
    this.#callers.set(request, caller);
    return caller instanceof Promise ? caller.then(refusalIn) : refusalIn(caller);
  }

  grant(_: Request, bytes: number): Reply | undefined {
    if (this.#bytes + bytes > this.#maxBytes) {
      this.#full();
      return busy();
    }
    this.#bytes += bytes;
    return undefined;
  }

  release(request: Request, bytes: number, refused?: Reply): void {
    this.#bytes -= bytes;
    if (refused) this.refused(request, refused);
  }

  refused(request: Request, reply: Reply): void {
    const tell = (caller: Caller | Reply | undefined): void => {
      if (caller && !isReply(caller)) this.#parts.refused?.(request, caller, reply);
    };
    const caller = this.#callers.get(request);
    if (caller instanceof Promise) caller.then(tell, () => undefined);
    else tell(caller);
  }

  /** Who calls. A reply: the body was whole before the caller was refused. */
  callerOf(request: Request): Caller | Reply | Promise<Caller | Reply> {
    return this.#callers.get(request)!;
  }
}

function refusalIn(caller: object): Reply | undefined {
  return isReply(caller) ? caller : undefined;
}

export function isReply(value: object): value is Reply {
  return "status" in value;
}

function busy(): Reply {
  const detail = "The bodies of other requests use all memory that is set aside for them. Try again.";
  return problemReply(problemOf("busy", detail, { retryAfter: jittered(1, 5) }));
}
