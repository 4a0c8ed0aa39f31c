import type { Handler, Request } from "./request.ts";
import type { HttpResponse } from "./response.ts";

/** A guard's result for a request that it admits, for example its caller. `status` would make it an answer. */
export type Admitted = object & { status?: never };

/** A guard's decision: who or what is admitted, or the answer to a refused request. */
export type Admission<A extends Admitted = Admitted> = A | HttpResponse | Promise<A | HttpResponse>;

/** Bounds arriving bodies and requests under way. A refusal is the answer; nothing more is read. */
export interface BodyGuard<A extends Admitted = Admitted> {
  /** The guard refuses encoded bodies itself, and counts them. */
  readonly checksEncoding?: true;
  /**
   * Decides before the body is read. A server on Node reads nothing until a late decision. The socket library reads on,
   * and a refusal ends that. Every admitted request is released once, with all the bytes that were granted.
   */
  admit(request: Request): Admission<A>;
  grant(admitted: A, bytes: number): HttpResponse | undefined;
  /** `refused`: the answer to a body that was not read to its end because of the peer. */
  release(request: Request, admitted: A, bytes: number, refused?: HttpResponse): void;
  /** The answer to a body that was read but reaches no handler. */
  refused?(request: Request, admitted: A, response: HttpResponse): void;
}

/** A guard, and the handler of what it admits. */
export interface Guarded {
  guard: BodyGuard;
  handler(request: Request, body: Buffer, admitted: Admitted): HttpResponse | Promise<HttpResponse>;
}

/** What a route runs. A handler that needs an admitted caller fits only behind a guard that returns one. */
export type Endpoint = Handler | Guarded;

export function guarded<A extends Admitted>(
  guard: BodyGuard<A>,
  handler: (request: Request, body: Buffer, admitted: A) => HttpResponse | Promise<HttpResponse>,
): Guarded {
  return { guard, handler };
}
