import type { Request } from "./request.ts";
import { tooLarge, tooSlow, type HttpResponse } from "./response.ts";

/** Bounds arriving bodies and requests under way. A refusal is the answer; nothing more is read. */
export interface BodyGuard {
  /** The guard refuses encoded bodies itself, and counts them. */
  readonly checksEncoding?: true;
  /**
   * Decides before the body is read. A server on Node reads nothing until a late decision. The socket library reads on,
   * and a refusal ends that. Every admitted request is released once, with all the bytes that were granted.
   */
  admit(request: Request): HttpResponse | undefined | Promise<HttpResponse | undefined>;
  grant(request: Request, bytes: number): HttpResponse | undefined;
  /** `refused`: the answer to a body that was not read to its end because of the peer. */
  release(request: Request, bytes: number, refused?: HttpResponse): void;
  /** The answer to a body that was read but reaches no handler. */
  refused?(request: Request, response: HttpResponse): void;
}

/** Why a request was not read to its end. */
export type Cut = "slow" | "large" | "unclear" | "malformed";

export interface BodyParts {
  request: Request;
  /** A larger body is answered 413 before the rest of it is read. */
  maxBytes: number;
  /** A body that is not complete within this time is answered 408. */
  withinMs: number;
  guard: BodyGuard | undefined;
  cut: (reason: Cut) => void;
  /** Answers a request whose body is not read to its end. */
  refuse: (response: HttpResponse) => void;
  /** Handles the complete body. Call `finish()` of the body when the request is answered. */
  whole: (body: Buffer) => void;
}

const EMPTY = Buffer.alloc(0);
/** A chunk costs about 400 bytes beside its content, so smaller ones are copied together. */
const SMALL_BYTES = 4 << 10;
const SLAB_BYTES = 64 << 10;

/**
 * The body of one request, chunk by chunk. It holds its place at the guard until `finish`, which may be called again.
 */
export class Body {
  readonly #parts: BodyParts;
  #pieces: Buffer[] = [];
  /** Holds copies of small chunks. Those from `#start` to `#end` are not yet a piece. */
  #slab = EMPTY;
  #start = 0;
  #end = 0;
  #length = 0;
  #over = false;
  #whole = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(parts: BodyParts) {
    this.#parts = parts;
  }

  /** The rest of the body is not needed. */
  get over(): boolean {
    return this.#over;
  }

  /** Starts the time limit for the rest of the body. */
  wait(): void {
    if (this.#over || this.#whole) return;
    const { withinMs, cut } = this.#parts;
    this.#deadline ??= setTimeout(() => {
      cut("slow");
      this.refuse(tooSlow(withinMs));
    }, withinMs);
  }

  /** The guard's decision came late. An admitted request whose body is complete answers the refusal itself. */
  decided(refused: HttpResponse | undefined): void {
    if (refused) this.refuseIncomplete(refused);
  }

  refuseIncomplete(response: HttpResponse): void {
    if (!this.#whole) this.refuse(response);
  }

  /** Keeps the chunk: it must not change afterwards. */
  add(chunk: Buffer): void {
    if (this.#over) return;
    const { request, maxBytes, guard, cut } = this.#parts;
    if (this.#length + chunk.length > maxBytes) {
      cut("large");
      this.refuse(tooLarge(maxBytes));
      return;
    }
    const full = guard?.grant(request, chunk.length);
    if (full) {
      this.refuse(full);
      return;
    }
    this.#length += chunk.length;
    if (this.#length === chunk.length || chunk.length >= SMALL_BYTES) {
      this.#seal();
      this.#pieces.push(chunk);
    } else this.#copy(chunk);
  }

  end(): void {
    if (this.#over) return;
    clearTimeout(this.#deadline);
    this.#whole = true;
    this.#seal();
    const pieces = this.#pieces;
    this.#drop();
    this.#parts.whole(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
  }

  refuse(response: HttpResponse): void {
    if (this.#over) return;
    this.finish(response);
    this.#parts.refuse(response);
  }

  /** The peer went away. A handler that has the body already finishes it. */
  gone(): void {
    if (!this.#whole) this.finish();
  }

  finish(refused?: HttpResponse): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#deadline);
    this.#drop();
    const { guard, request } = this.#parts;
    guard?.release(request, this.#length, refused);
  }

  #copy(chunk: Buffer): void {
    if (this.#end + chunk.length > this.#slab.length) {
      this.#seal();
      // It grows with the body, so memory stays within twice the counted bytes.
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SMALL_BYTES, Math.min(this.#length, SLAB_BYTES)));
      this.#start = this.#end = 0;
    }
    chunk.copy(this.#slab, this.#end);
    this.#end += chunk.length;
  }

  #seal(): void {
    if (this.#end > this.#start) this.#pieces.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #drop(): void {
    this.#pieces = [];
    this.#slab = EMPTY;
    this.#start = this.#end = 0;
  }
}
